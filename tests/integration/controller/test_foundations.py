"""A server of three that is down is seen, and so is that what they store cannot be had; both clear by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.audit.recorder import Recorder, record_spec
from controller.foundations import FoundationsKeeper
from controller.settings import RECORD_DISK
from tests.testing.server_cluster import server_cluster
from wire.bus import Bus, Stream
from wire.findings import Severity
from wire.foundations import Foundations, judge_foundations

WITHIN_S = 60.0
SERVERS = ("server1", "server2", "server3")


async def test_a_server_of_three_that_is_down_is_seen_and_so_is_the_loss_of_two(tmp_path: Path) -> None:
    async with server_cluster(tmp_path) as servers, Bus.connect(servers.context, name="test") as bus:
        await Recorder.open(bus, "one", time.monotonic)
        keeper = FoundationsKeeper(bus.control, (), time.monotonic)

        await until(keeper, lambda found: states(found).keys() == {*SERVERS} and is_well(found))
        servers.kill("server3")
        await until(keeper, lambda found: states(found).get("server3") == "offline" and not found.problem)
        servers.kill("server2")
        await until(keeper, lambda found: bool(found.problem))
        for name in ("server2", "server3"):
            servers.start(name)
        await until(keeper, is_well)  # a server that is a write or two behind is


async def test_the_room_of_the_record_is_told_and_more_can_be_given(bus: Bus) -> None:
    await Recorder.open(bus, "one", time.monotonic)
    keeper = FoundationsKeeper(bus.control, (), time.monotonic)

    await keeper.look()
    assert keeper.found.record_limit_bytes == RECORD_DISK
    assert keeper.found.servers == ()

    await Recorder.open(bus, "one", time.monotonic, disk=2 * RECORD_DISK)
    await keeper.look()
    assert keeper.found.record_limit_bytes == 2 * RECORD_DISK


async def test_a_look_that_fails_once_is_told_only_when_it_goes_on(bus: Bus) -> None:
    now = 0.0
    keeper = FoundationsKeeper(bus.control, (), lambda: now)

    await keeper.look()  # there is no record yet
    assert keeper.found.problem == ""
    now = 10.0
    await keeper.look()
    assert "stream not found" in keeper.found.problem
    await Stream.ensure(bus.control, record_spec())
    await keeper.look()
    assert keeper.found.problem == ""


async def until(keeper: FoundationsKeeper, holds: Callable[[Foundations], bool]) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            while not holds(keeper.found):
                await keeper.look()
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"it stays: {keeper.found}")


def is_well(found: Foundations) -> bool:
    return all(each.severity is Severity.WELL for each in judge_foundations(found))


def states(found: Foundations) -> dict[str, str]:
    return {each.server: each.state for each in found.servers}
