"""What every test stands on: a scrubbed environment and, where asked for, a real nats-server."""

from __future__ import annotations

import faulthandler
import io
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from PIL import Image

from cli.local.broker import Broker
from modelkit.library import Library
from models import recipes
from wire.bus import Bus

ROOT = Path(__file__).parents[1]

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "BRAMBLE_LIBRARY")


GRACE_S = 60.0

# How long anything takes is for benchmarks to say.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Heed the signals that `nohup` and `&` have a shell ignore: the processes that tests start would inherit that."""
    config.stash[_STDERR] = os.dup(2)  # not captured yet
    if not hasattr(config, "workerinput"):  # workers of pytest-xdist tell the one that started them
        config.pluginmanager.register(Teller(config.stash[_STDERR]))
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the whole run, with every thread's stack, when a test is past its time limit and does not end for that.

    The limit raises in the main thread; an event loop that goes round without a pause, or a task that swallows its
    cancellation while the loop is closed, would go on for ever after it.
    """
    marker = item.get_closest_marker("timeout")
    limit = marker.args[0] if marker else float(item.config.getini("timeout"))
    faulthandler.dump_traceback_later(limit + GRACE_S, exit=True, file=item.config.stash[_STDERR])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Watch the clearing up too: pytest calls the watch off when a test fails."""
    pytest_runtest_setup(item)


def pytest_runtest_logfinish() -> None:
    """Call the watch off."""
    faulthandler.cancel_dump_traceback_later()


class Teller:
    """Shows a failure when it happens: a run that is ended from outside never comes to its summary."""

    def __init__(self, stderr: int) -> None:
        self._stderr = stderr

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._stderr, f"\n{report.nodeid}, {report.when}:\n{report.longreprtext}\n".encode())


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(("PYTEST_", "PIP_", "UV_", "npm_", "NPM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One nats-server for the tests that leave nothing behind in it."""
    broker = Broker.start(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A nats-server of the test's own, on a free port."""
    broker = Broker.start(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture
async def bus(broker: Broker) -> AsyncIterator[Bus]:
    """A bus to the test's own server."""
    async with Bus.connect(broker.context, name="test") as bus:
        yield bus


@pytest.fixture(scope="session")
def library() -> Library:
    """The real models: in the library that BRAMBLE_LIBRARY names, else built once into the checkout's cache."""
    library = Library(Path(os.environ.get("BRAMBLE_LIBRARY") or ROOT / ".cache" / "library"))
    for name in recipes.names():
        recipes.build(name, library, lambda _line: None)
    return library


@pytest.fixture(scope="session")
def cat(library: Library) -> bytes:
    """A real photograph of a cat: the known picture of mobilenet_v2."""
    known = library.manifest("mobilenet_v2").known_answer
    assert known is not None
    return library.path(known.sha256).read_bytes()


@pytest.fixture(scope="session")
def cat_jpeg(cat: bytes) -> bytes:
    """The cat as a JPEG."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(cat)) as image:
        image.convert("RGB").save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture(scope="session")
def nats_command() -> str:
    """The real ``nats`` command."""
    beside = ROOT / ".tools" / "bin" / "nats"
    found = str(beside) if beside.exists() else shutil.which("nats")
    if not found:
        pytest.skip("the nats command is not here: `make nats-cli` builds it where Go is installed")
    return found
