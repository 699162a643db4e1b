"""The record on a real server: written by several at once, deleted by nobody."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import nats.js.errors
import pytest

from cli.local.broker import Broker
from controller.audit.recorder import Recorder
from wire import subjects
from wire.audit import Deed, Entry, Outcome, check_record
from wire.bus import Bus, Stream
from wire.errors import BusError
from wire.messages import decode


async def read(bus: Bus) -> list[tuple[int, bytes]]:
    stream = Stream(bus.control, subjects.AUDIT_STREAM)
    return [(stored.sequence, stored.data) async for stored in stream.read(subjects.AUDIT.build())]


async def test_controllers_that_write_at_once_make_one_unbroken_chain(bus: Bus) -> None:
    recorders = [await Recorder.open(bus, f"c{number}", time.monotonic) for number in range(3)]
    deeds = [Deed(who="ann", action="camera.add", target=f"door-{number}") for number in range(30)]
    await asyncio.gather(*(recorders[number % 3].write(deed) for number, deed in enumerate(deeds)))
    record = await read(bus)
    assert check_record(record)[1] == []
    assert {decode(data, Entry).deed.target for _, data in record} == {deed.target for deed in deeds}
    assert len(record) == len(deeds)


async def test_the_server_deletes_nothing_from_the_record_whoever_asks(bus: Bus) -> None:
    recorder = await Recorder.open(bus, "c1", time.monotonic)
    await recorder.write(Deed(who="ann", action="model.add", target="net"))
    before = await read(bus)
    jetstream = bus.control.client.jetstream()
    with pytest.raises(nats.js.errors.APIError, match="delete not permitted"):
        await jetstream.delete_msg(subjects.AUDIT_STREAM, 1)
    with pytest.raises(nats.js.errors.APIError, match="purge not permitted"):
        await jetstream.purge_stream(subjects.AUDIT_STREAM)
    assert await read(bus) == before


async def test_a_flood_of_refusals_is_two_entries(bus: Bus) -> None:
    seconds = 0.0
    recorder = await Recorder.open(bus, "c1", lambda: seconds)
    flood = Deed(who="eve", action="access.publish", target="x", outcome=Outcome.REFUSED)
    running = asyncio.create_task(recorder.run())
    try:
        for _ in range(1000):
            recorder.note_refusal(flood)
        seconds = 10_000.0
        async with asyncio.timeout(20):
            while len(record := await read(bus)) < 2:
                await asyncio.wait([running], timeout=0.1)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert decode(record[1][1], Entry).deed.detail.startswith("999 more in 10000 s")
    assert recorder.lost == 0


async def test_what_was_refused_while_the_server_was_away_is_on_the_record_once_it_is_back(
    bus: Bus, broker: Broker
) -> None:
    recorder = await Recorder.open(bus, "c1", time.monotonic)
    running = asyncio.create_task(recorder.run())
    try:
        await recorder.write(Deed(who="ann", action="model.add", target="net"))
        address = urlsplit(broker.context.url)
        broker.stop()
        with pytest.raises(BusError):
            await Stream(bus.control, subjects.AUDIT_STREAM).state()
        for name in ("x", "y"):
            recorder.note_refusal(Deed(who="eve", action="access.publish", target=name, outcome=Outcome.REFUSED))
        again = Broker.start(broker.directory, port=address.port, password=address.password)
        try:
            async with asyncio.timeout(20):
                await bus.control.wait_connected()
                while len(record := await read(bus)) < 3:
                    await asyncio.wait([running], timeout=0.1)
        finally:
            again.stop()
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert [decode(data, Entry).deed.target for _, data in record] == ["net", "x", "y"]
    assert recorder.lost == 0
