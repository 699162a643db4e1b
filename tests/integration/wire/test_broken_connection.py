"""What a server was asked when it died: it will never answer, and whoever asked must not wait as if it would."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable
from pathlib import Path

import pytest

from cli.local.broker import Broker
from tests.testing.freezing import frozen
from wire.bus import Bus, Stream, StreamSpec
from wire.errors import BusError

QUEUE = StreamSpec("work", ("work.*",), max_bytes=1 << 20, work_queue=True)


async def test_every_question_to_the_server_ends_with_the_connection_and_none_by_its_own_patience(
    broker: Broker, bus: Bus, tmp_path: Path
) -> None:
    stream = await Stream.ensure(bus.data, QUEUE)
    work = await stream.work("all", ("work.*",), ack_wait_s=30.0, max_unacknowledged=8)
    bucket = await bus.bucket("config")
    revision = await bucket.swap("a", b"1", 0, within=5.0)
    assert revision is not None
    store = await bus.blobs("models")
    (tmp_path / "blob").write_bytes(b"x")
    await stream.publish("work.a", b"1")
    (delivery,) = await work.pull(1)
    with frozen(broker.pid):
        questions: list[Awaitable[object]] = [
            stream.publish("work.b", b"2"),
            stream.last("work.a"),
            stream.next("work.*"),
            stream.state(),
            stream.purge("work.a"),
            Stream.ensure(bus.data, QUEUE),
            work.exists(),
            delivery.acknowledge(),
            bucket.put("b", b"2"),
            bucket.read("a"),
            bucket.swap("a", b"2", revision, within=30.0),
            bucket.delete("a"),
            store.put_bytes("blob", b"x"),
            store.has("blob"),
        ]
        asked = asyncio.gather(*questions, return_exceptions=True)
        await asyncio.sleep(0)  # all of them are on their way
        os.kill(broker.pid, signal.SIGKILL)
        found = await asyncio.wait_for(asked, 20.0)
    assert {type(each) for each in found} == {BusError}
    assert {str(each) for each in found} == {"the connection to the NATS server broke, and its answer is lost"}


async def test_what_is_asked_while_there_is_no_connection_is_refused_at_once(broker: Broker, bus: Bus) -> None:
    stream, bucket = await Stream.ensure(bus.data, QUEUE), await bus.bucket("config")
    broker.stop()
    for ask in (stream.state, lambda: bucket.get("a")):
        with pytest.raises(BusError):  # its connection may break under it
            await ask()
        with pytest.raises(BusError, match="is down"):
            await ask()


async def test_an_answer_that_came_in_time_is_no_worse_for_what_breaks_later(broker: Broker, bus: Bus) -> None:
    bucket = await bus.bucket("config")
    async with bus.control.unbroken():
        await bucket.put("a", b"1")
    broker.stop()
    with pytest.raises(BusError, match=r"broke|is down"):
        async with bus.control.unbroken():
            await asyncio.wait_for(asyncio.Event().wait(), 20.0)
