"""A server that froze: its socket is open, and nothing comes back. No wait for it may last."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cli.local.broker import Broker
from tests.testing.freezing import frozen
from tests.testing.secured import Secured, start_secured
from wire.bus import Link
from wire.bus.patient import connect_patiently
from wire.errors import BusError
from wire.permissions import Role
from wire.systemd import Notifier

WITHIN_S = 15.0  # half of what asyncio would wait for the end of an encrypted connection


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def secured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path, encrypted=request.param) as secured:
        yield secured


async def test_a_connection_to_it_is_closed_all_the_same(secured: Secured) -> None:
    link = await Link.open(secured.let_in("ann", Role.VIEWER), name="ann")
    with frozen(secured.broker.pid):
        with pytest.raises(BusError):
            await link.flush(within=5.0)  # meanwhile its pings are not answered
        await asyncio.wait_for(link.close(), WITHIN_S)
    assert link.ended is None


async def test_who_was_connected_to_it_goes_to_another(secured: Secured, tmp_path: Path) -> None:
    second = tmp_path / "second"
    trust = secured.trust.replace(str(secured.broker.directory / "accounts"), str(second / "accounts"))
    other = Broker.start(second, trust=trust)
    try:
        context = secured.let_in("ann", Role.VIEWER)
        urls = f"{context.url},{other.context.url}"
        link = await Link.open(msgspec.structs.replace(context, url=urls), name="ann")
        back = asyncio.Event()
        link.call_on_reconnect(back.set)
        here = link.client.connected_url
        assert here is not None
        with frozen((secured.broker if str(here.port) in secured.broker.context.url else other).pid):
            await asyncio.wait_for(back.wait(), WITHIN_S)
            await link.flush()
            await link.close()
    finally:
        other.stop()


class Listening(Notifier):
    """One that remembers what systemd was told."""

    def __init__(self) -> None:
        super().__init__({})
        self.told: list[str] = []

    def tell(self, *words: str) -> None:
        self.told += words


async def test_who_is_told_to_stop_while_connecting_to_it_stops_before_that_has_failed(secured: Secured) -> None:
    context = secured.let_in("ann", Role.VIEWER)
    stop, notifier = asyncio.Event(), Listening()

    async def be_a_program() -> None:
        async with connect_patiently(context, name="ann", notifier=notifier, stop=stop) as bus:
            assert bus is None

    with frozen(secured.broker.pid):
        program = asyncio.create_task(be_a_program())
        await asyncio.wait([program], timeout=0.2)
        stop.set()
        await asyncio.wait_for(program, WITHIN_S)
    assert notifier.told == []


def test_a_program_that_is_told_to_stop_ends_in_order(secured: Secured, tmp_path: Path) -> None:
    secured.let_in("notifier", Role.VIEWER)
    config = tmp_path / "notify.toml"
    config.touch(mode=0o600)
    config.write_text('patience_s = 0\n[webhook]\nurl = "http://127.0.0.1:9/"\n')
    options = ("--config", str(config), "--context", str(secured.directory / "notifier.json"))
    with subprocess.Popen([sys.executable, "-m", "notifier", *options], stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        try:
            while "trouble_raised" not in program.stderr.readline():
                assert program.poll() is None
            with frozen(secured.broker.pid):
                program.terminate()
                _, said = program.communicate(timeout=WITHIN_S)
        finally:
            program.kill()
    assert "Traceback" not in said
    assert program.returncode == 0
