"""What a service holds while its handlers are busy, however much is asked of it."""

from __future__ import annotations

import asyncio

from wire.bus import Bus, Received
from wire.errors import NoCapacityError, error_from_json
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
