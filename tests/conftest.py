"""What every test stands on: a scrubbed environment and, where asked for, a real nats-server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.local.broker import Broker
from wire.bus import Bus

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "BRAMBLE_LIBRARY")


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(("PYTEST_", "PIP_", "UV_", "npm_", "NPM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))
    monkeypatch.setenv("COLUMNS", "120")


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
