from __future__ import annotations

import asyncio
import os
import signal
from urllib.parse import urlsplit

import pytest

from cli.local.broker import Broker
from wire.bus import Bus, FullError, Stream, StreamSpec, TakenError, Work
from wire.errors import NoRespondersError, TooLargeError

ONCE = StreamSpec("once", ("once.*",), max_bytes=1 << 20, one_a_subject=True)
WORK = StreamSpec("work", ("work.*",), max_bytes=4096, work_queue=True)


async def open_work(bus: Bus, *, ack_wait_s: float = 30.0) -> tuple[Stream, Work]:
    stream = await Stream.ensure(bus.data, WORK)
    return stream, await stream.work("all", ("work.*",), ack_wait_s=ack_wait_s, max_unacknowledged=64)


async def test_the_server_itself_refuses_a_second_message_on_a_subject(bus: Bus) -> None:
    stream = await Stream.ensure(bus.data, ONCE)
    await stream.publish("once.a", b"first")
    for after in (0, None):
        with pytest.raises(TakenError):
            await stream.publish("once.a", b"second", after=after)
    found = await stream.last("once.a")
    assert found is not None
    assert (found.data, (await stream.state()).messages) == (b"first", 1)
    assert await stream.last("once.b") is None


async def test_of_many_who_publish_at_once_exactly_one_is_first(bus: Bus) -> None:
    stream = await Stream.ensure(bus.data, ONCE)
    tries = [stream.publish("once.a", str(number).encode(), after=0) for number in range(20)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(each) for each in done].count(int) == 1
    assert {type(each) for each in done} == {int, TakenError}


async def test_a_full_stream_refuses_and_keeps_what_it_has(bus: Bus) -> None:
    stream, _ = await open_work(bus)
    for number in range(6):
        await stream.publish(f"work.{number}", b"x" * 500, after=0)
    with pytest.raises(FullError, match="maximum bytes exceeded"):
        await stream.publish("work.more", b"x" * 500, after=0)
    assert (await stream.state()).messages == 6


async def test_more_than_the_server_can_store_is_refused_when_the_stream_is_made(bus: Bus) -> None:
    with pytest.raises(FullError, match="insufficient storage"):
        await Stream.ensure(bus.data, StreamSpec("vast", ("vast",), max_bytes=1 << 50))


async def test_a_stream_is_brought_into_line_with_what_is_wanted_now(bus: Bus) -> None:
    await Stream.ensure(bus.data, WORK)
    stream = await Stream.ensure(bus.data, StreamSpec("work", ("other.*",), max_bytes=1 << 20, work_queue=True))
    await stream.publish("other.a", b"x" * 8192)
    with pytest.raises(NoRespondersError):
        await stream.publish("work.a", b"")


async def test_a_payload_above_the_server_s_limit_never_leaves(bus: Bus) -> None:
    stream = await Stream.ensure(bus.data, ONCE)
    with pytest.raises(TooLargeError):
        await stream.publish("once.a", b"x" * (bus.data.max_payload + 1))


async def test_work_that_was_acknowledged_is_gone_and_its_subject_is_free(bus: Bus) -> None:
    stream, work = await open_work(bus)
    await stream.publish("work.a", b"1", after=0)
    with pytest.raises(TakenError):
        await stream.publish("work.a", b"1", after=0)
    (delivery,) = await work.pull(8)
    await delivery.acknowledge()
    assert (await stream.state()).messages == 0
    await stream.publish("work.a", b"2", after=0)


async def test_work_that_is_handed_back_comes_again_at_once_and_says_so(bus: Bus) -> None:
    stream, work = await open_work(bus)
    await stream.publish("work.a", b"1")
    (first,) = await work.pull(8)
    await first.hand_back()
    (second,) = await work.pull(8)
    assert (first.deliveries, second.deliveries, second.sequence) == (1, 2, first.sequence)


async def test_work_of_a_puller_that_fell_silent_goes_to_another(bus: Bus) -> None:
    stream, work = await open_work(bus, ack_wait_s=0.5)
    await stream.publish("work.a", b"1")
    (first,) = await work.pull(8)
    again = await work.pull(8, within=2.0)
    assert [each.sequence for each in again] == [first.sequence]


async def test_work_that_is_kept_goes_to_nobody_else(bus: Bus) -> None:
    stream, work = await open_work(bus, ack_wait_s=0.5)
    await stream.publish("work.a", b"1")
    (held,) = await work.pull(8)
    for _ in range(6):
        await held.keep()
        assert await work.pull(8, within=0.2) == []
    await held.acknowledge()


async def test_reading_ends_with_what_was_there_and_counts_by_subject(bus: Bus) -> None:
    stream = await Stream.ensure(bus.data, ONCE)
    for number in range(300):
        await stream.publish(f"once.{number}", str(number).encode(), headers={"N": str(number)})
    read = [each async for each in stream.read("once.*")]
    assert [each.data for each in read] == [str(number).encode() for number in range(300)]
    bare = [each async for each in stream.read("once.*", after=298, headers_only=True)]
    assert [(each.headers["N"], each.data) for each in bare] == [("298", b""), ("299", b"")]
    assert (await stream.state(subjects="once.7")).subjects == {"once.7": 1}
    assert [each async for each in stream.read("once.nobody")] == []


async def test_what_was_purged_up_to_a_point_is_gone_and_the_rest_stays(bus: Bus) -> None:
    stream = await Stream.ensure(bus.data, ONCE)
    sequences = [await stream.publish(f"once.{number}", b"") for number in range(4)]
    await stream.purge("once.*", until=sequences[1])
    assert [each.sequence async for each in stream.read("once.*")] == sequences[2:]
    assert await stream.delete(sequences[2])
    assert not await stream.delete(sequences[2])
    following = await stream.next("once.*", after=sequences[2])
    assert following is not None
    assert following.sequence == sequences[3]


async def test_who_follows_a_stream_misses_nothing_over_a_restart_of_the_server(broker: Broker, bus: Bus) -> None:
    stream = await Stream.ensure(bus.data, ONCE)
    seen: list[bytes] = []
    reached = asyncio.Condition()

    async def follow() -> None:
        async for each in stream.read("once.*", follow=True):
            async with reached:
                seen.append(each.data)
                reached.notify_all()

    async def await_seen(number: int) -> None:
        async with asyncio.timeout(20), reached:
            await reached.wait_for(lambda: len(seen) >= number)

    task = asyncio.create_task(follow())
    await stream.publish("once.1", b"1")
    await await_seen(1)
    back = asyncio.Event()
    bus.data.call_on_reconnect(back.set)
    os.kill(broker.pid, signal.SIGKILL)
    broker.stop()
    address = urlsplit(broker.context.url)
    again = Broker.start(broker.directory, port=address.port, password=address.password)
    try:
        async with asyncio.timeout(10):
            await back.wait()
        await stream.publish("once.2", b"2", after=0)
        await await_seen(2)
        assert seen == [b"1", b"2"]
    finally:
        task.cancel()
        await asyncio.wait([task])
        again.stop()
