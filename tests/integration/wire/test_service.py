"""What a service holds while its handlers are busy, however much is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from wire.bus import Bus, Received
from wire.errors import BusError, NoCapacityError, error_from_json
from wire.service import MAX_BYTES, Reply, Service

MIB = 1 << 20
TOO_MANY = 3


async def test_requests_under_way_hold_no_more_bytes_than_they_may_and_the_others_are_told_to_come_again(
    bus: Bus,
) -> None:
    let_go = asyncio.Event()
    held: list[int] = []

    async def hold(message: Received) -> Reply:
        held.append(len(message.data))
        await let_go.wait()
        return Reply(b"done")

    async def ask() -> bytes:
        return (await bus.data.request("hold", bytes(6 * MIB), within=30.0)).data

    service = Service(bus.data, name="t", version="1.0.0", description="t", metadata={})
    service.add_endpoint("hold", "hold", hold)
    await service.start()
    fits = MAX_BYTES // (6 * MIB)
    asked = [asyncio.create_task(ask()) for _ in range(fits + TOO_MANY)]
    for number, answer in enumerate(asyncio.as_completed(asked), 1):
        error = error_from_json(await answer)
        assert isinstance(error, NoCapacityError)
        assert error.retry_after_ms
        if number == TOO_MANY:
            break
    assert len(held) == fits
    let_go.set()
    assert [await each for each in asked].count(b"done") == fits
    assert await ask() == b"done"  # what has ended holds nothing any more
    await service.stop()


async def test_whoever_asks_hears_that_the_server_could_not_be_asked_in_turn(bus: Bus) -> None:
    async def fail(_message: Received) -> Reply:
        raise BusError("the servers look for a leader")

    await serve(bus, fail)
    error = error_from_json((await bus.data.request("ask", within=20)).data)
    assert error is not None
    assert "look for a leader" in error.message


async def test_an_error_of_a_connection_that_broke_meanwhile_is_told_over_the_next(bus: Bus) -> None:
    """As when a server of several sends its clients elsewhere: who asked is connected to another, and waits."""

    async def break_off(_message: Received) -> Reply:
        async with bus.data.unbroken():
            bus.data.client._transport.close()
            await asyncio.Event().wait()
        raise AssertionError("an unbroken connection was closed")

    await serve(bus, break_off)
    error = error_from_json((await bus.control.request("ask", within=20)).data)
    assert error is not None
    assert "the connection to the NATS server broke" in error.message


async def serve(bus: Bus, handler: Callable[[Received], Awaitable[Reply]]) -> None:
    service = Service(bus.data, name="t", version="1.0.0", description="t", metadata={})
    service.add_endpoint("ask", "ask", handler)
    await service.start()
    await bus.data.flush()
