"""Who is gone is known before a frame is lost on it: the server says that nobody listens there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cli.local.broker import Broker
from controller.dispatch.candidate import Chain, Role
from controller.dispatch.pool import Pool
from controller.rounds import Rounds
from edge_agent.echo import Echo
from wire.bus import Bus, Received
from wire.precision import Precision

ROLE = Role(Chain("m", "0" * 64, None, 1), 0)


def admit(pool: Pool, node: str) -> None:
    pool.seat(node, {ROLE: Precision.EXACT}, f"session-of-{node}", {})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another task, which tells nobody
            await asyncio.sleep(0.02)


async def test_a_node_that_is_gone_is_barred_while_one_that_answers_and_one_that_hangs_are_not(
    bus: Bus, broker: Broker
) -> None:
    pool = Pool(time.monotonic)
    asked: list[Received] = []
    async with Bus.connect(broker.context, name="gone") as gone, Bus.connect(broker.context, name="here") as here:
        await Echo("gone", gone.data).listen()
        await Echo("here", here.data).listen()

        async def hang(message: Received) -> None:
            asked.append(message)

        await here.data.subscribe("node.hung.probe", hang)
        await here.data.flush()
        await gone.data.flush()
        for node in ("gone", "here", "hung"):
            admit(pool, node)
        rounds = asyncio.create_task(Rounds(pool, bus.data, time.monotonic).run())
        try:
            await until(lambda: len(asked) >= 2)
            assert set(pool.admitted) == {"gone", "here", "hung"}
            await gone.data.close()
            await until(lambda: set(pool.admitted) == {"here", "hung"})
            seen = len(asked)
            await until(lambda: len(asked) >= seen + 2)
            assert set(pool.admitted) == {"here", "hung"}
            assert pool.serving("m") == ("here", "hung")
        finally:
            rounds.cancel()


async def test_a_node_that_came_back_is_asked_again(bus: Bus) -> None:
    pool = Pool(time.monotonic)
    admit(pool, "node")
    rounds = asyncio.create_task(Rounds(pool, bus.data, time.monotonic).run())
    try:
        await until(lambda: pool.admitted == ())
        admit(pool, "node")  # its heartbeat, and it is gone once more
        assert pool.admitted == ("node",)
        await until(lambda: pool.admitted == ())
    finally:
        rounds.cancel()


async def test_while_the_server_is_away_nobody_is_barred(bus: Bus) -> None:
    pool = Pool(time.monotonic)
    looks: list[float] = []

    def clock() -> float:
        looks.append(time.monotonic())
        return looks[-1]

    await bus.data.close()
    admit(pool, "node")
    rounds = asyncio.create_task(Rounds(pool, bus.data, clock).run())
    try:
        await until(lambda: len(looks) >= 6)  # two a round
        assert pool.admitted == ("node",)
        assert not rounds.done()
    finally:
        rounds.cancel()


async def test_a_node_that_is_doubted_is_asked_out_of_turn(bus: Bus, broker: Broker) -> None:
    pool = Pool(time.monotonic)
    told: list[str] = []
    pool.call_on_gone(told.append)
    async with Bus.connect(broker.context, name="here") as here:
        await Echo("here", here.data).listen()
        await here.data.flush()
        admit(pool, "here")
        admit(pool, "gone")
        rounds = Rounds(pool, bus.data, time.monotonic)  # which go round for nobody here
        for node in ("here", "gone", "gone"):
            rounds.doubt(node)
        await until(lambda: pool.admitted == ("here",))
        assert told == ["gone"]
        admit(pool, "gone")
        rounds.doubt("gone")
        await until(lambda: told == ["gone", "gone"])
