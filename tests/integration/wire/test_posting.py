"""Any thread may post: every message arrives once and whole, whatever else the connection is busy with."""

from __future__ import annotations

import asyncio
from collections import Counter

from wire.bus import Bus, Received

THREADS = 3
EACH = 100
WITHIN_S = 20.0
SIZE = 90_000  # the socket does not take many of them at once: threads meet each other's half-sent messages


def fill(text: str) -> bytes:
    return text.encode().ljust(SIZE, b".")


async def test_messages_of_several_threads_and_of_the_loop_arrive_whole_and_once(bus: Bus) -> None:
    seen: Counter[bytes] = Counter()
    complete = asyncio.Event()
    wanted = {f"{thread} {number}".encode() for thread in range(THREADS + 1) for number in range(EACH)}

    def take(message: Received) -> None:
        assert len(message.data) == SIZE
        seen[message.data.rstrip(b".")] += 1
        if len(seen) == len(wanted):
            complete.set()

    def post(thread: int) -> list[str]:
        refused = []
        for number in range(EACH):
            text = f"{thread} {number}"
            if not bus.data.post("posted", fill(text)):
                refused.append(text)
        return refused

    await bus.control.take("posted", take)
    await bus.control.flush()
    threads = [asyncio.create_task(asyncio.to_thread(post, thread)) for thread in range(THREADS)]
    for number in range(EACH):
        await bus.data.publish("posted", fill(f"{THREADS} {number}"))
        await asyncio.sleep(0)
    for refused in await asyncio.gather(*threads):
        for text in refused:
            await bus.data.publish("posted", fill(text))
    await asyncio.wait_for(complete.wait(), WITHIN_S)
    await bus.data.flush()
    await bus.control.flush()

    assert set(seen) == wanted
    assert set(seen.values()) == {1}


async def test_after_the_connection_was_closed_a_thread_posts_nothing(bus: Bus) -> None:
    await bus.data.close()
    assert not await asyncio.to_thread(bus.data.post, "posted", b"late")
