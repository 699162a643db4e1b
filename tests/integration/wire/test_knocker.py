"""Publishing for a third party to be answered: whether anybody was there is heard at once, from a real server."""

from __future__ import annotations

import asyncio
from threading import get_ident

import pytest

from cli.local.broker import Broker
from wire.bus import Bus, Knocker, Publication, Received
from wire.bus.knocker import MAX_OPEN
from wire.errors import TooLargeError

HEADER = "Knock"


async def test_nobody_there_is_told_once_and_the_one_who_waits_for_the_answer_hears_nothing(bus: Bus) -> None:
    knocker = await Knocker.open(bus.data, header=HEADER)
    told: asyncio.Queue[str] = asyncio.Queue()
    answers: list[Received] = []

    async def note(message: Received) -> None:
        answers.append(message)

    def tell() -> None:
        told.put_nowait("nobody")

    await bus.control.subscribe("answers.here", note)
    for _ in range(3):
        await knocker.publish(Publication("work.gone", b"frame", {"A": "1"}, "answers.here"), tell)
    for _ in range(3):
        assert await asyncio.wait_for(told.get(), 5) == "nobody"
    await bus.data.flush()
    await bus.control.flush()
    assert told.empty()
    assert answers == []
    await knocker.close()


async def test_who_is_there_gets_the_frame_then_the_knock_and_answers_whom_the_frame_names(
    bus: Bus, broker: Broker
) -> None:
    received: list[tuple[bytes, dict[str, str] | None, str]] = []
    answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def fail() -> None:
        raise AssertionError("somebody was there")

    async with Bus.connect(broker.context, name="worker") as worker:

        async def work(message: Received) -> None:
            received.append((message.data, message.headers, message.reply))
            if HEADER not in (message.headers or {}):
                await worker.data.publish(message.reply, b"answer")

        async def note(message: Received) -> None:
            answered.set_result(message.data)

        await worker.data.subscribe("work.here", work)
        await worker.data.flush()
        await bus.control.subscribe("answers.here", note)
        await bus.control.flush()
        knocker = await Knocker.open(bus.data, header=HEADER)
        await knocker.publish(Publication("work.here", b"frame", {"A": "1"}, "answers.here"), fail)
        assert await asyncio.wait_for(answered, 5) == b"answer"
        await bus.data.flush()
        await worker.data.flush()
        (frame, knock) = received
        assert frame == (b"frame", {"A": "1"}, "answers.here")
        assert (knock[0], knock[1]) == (b"", {HEADER: "1"})
        assert knock[2] != "answers.here"


async def test_no_more_knocks_are_remembered_than_can_matter(bus: Bus) -> None:
    async def listen(message: Received) -> None:
        """Take everything."""

    def ignore() -> None:
        """Nobody cares."""

    await bus.control.subscribe("work.here", listen, max_pending=10 * MAX_OPEN)
    await bus.control.flush()
    knocker = await Knocker.open(bus.data, header=HEADER)
    for _ in range(MAX_OPEN + 10):
        await knocker.publish(Publication("work.here", b"", {"A": "1"}, "answers.here"), ignore)
    assert len(knocker._open) == MAX_OPEN


async def test_a_thread_that_publishes_to_nobody_has_that_told_in_the_loop(bus: Bus) -> None:
    knocker = await Knocker.open(bus.data, header=HEADER)
    await bus.data.flush()
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    message = Publication("work.gone", b"frame", {"A": "1"}, "answers.here")
    assert await asyncio.to_thread(knocker.post, message, lambda: told.set_result(get_ident()))
    assert await asyncio.wait_for(told, 5) == get_ident()


async def test_a_knock_that_could_not_be_sent_is_not_remembered(bus: Bus) -> None:
    knocker = await Knocker.open(bus.data, header=HEADER)
    await bus.data.flush()
    with pytest.raises(TooLargeError):
        knocker.post(Publication("work.gone", bytes(bus.data.max_payload + 1)), lambda: None)
    await bus.data.close()
    assert not knocker.post(Publication("work.gone", b"frame"), lambda: None)
    assert not knocker._open
