"""Every frame that a node holds is answered by one party, whoever tries at the same time."""

from __future__ import annotations

import asyncio
import threading

from edge_agent.backends.simulated import SimulatedModel
from edge_agent.custody import Custody, Held
from edge_agent.pipeline import Work
from edge_agent.post import Post
from tests.agent_testing.models import simulated_manifest
from tests.agent_testing.running_agent import shard_of
from wire.headers import WorkOrder

ORDER = WorkOrder(frame="f", digest="d", itinerary=(), deadline_ms=1000)
WITHIN_S = 10.0


def make_post() -> Post:
    manifest = simulated_manifest()
    return Post(shard_of(manifest, "simulated"), SimulatedModel(manifest, 0.0), lambda *_: None)


def hold(custody: Custody, post: Post, count: int) -> list[Held]:
    frames = [Held(post, Work(ORDER, bytes(size), 0.0, 1.0), f"reply-{size}") for size in range(count)]
    for frame in frames:
        custody.take(frame)
    return frames


async def test_of_all_who_would_answer_a_frame_one_does() -> None:
    custody = Custody()
    frames = hold(custody, make_post(), 200)
    answered: list[Held] = []
    start = threading.Barrier(4)

    def answer() -> None:
        start.wait(WITHIN_S)
        for frame in frames:
            if custody.claim(frame):
                answered.append(frame)
            custody.release(frame)

    await asyncio.gather(*(asyncio.to_thread(answer) for _ in range(4)))

    assert sorted(frame.reply for frame in answered) == sorted(frame.reply for frame in frames)
    assert (len(custody), custody.bytes, custody.frames) == (0, 0, ())


async def test_whoever_waits_is_woken_when_a_thread_lets_go_of_the_last_frame_of_theirs() -> None:
    custody = Custody()
    mine, other = make_post(), make_post()
    (frame,), _ = hold(custody, mine, 1), hold(custody, other, 1)
    waiting = asyncio.create_task(custody.wait(WITHIN_S, of=mine))
    await asyncio.sleep(0)
    assert not waiting.done()

    await asyncio.to_thread(custody.release, frame)

    assert await waiting
    assert len(custody) == 1


async def test_waiting_for_a_frame_that_nobody_lets_go_of_ends_in_time() -> None:
    custody = Custody()
    frames = hold(custody, make_post(), 2)
    assert not await custody.wait(0.01)
    assert custody.frames == tuple(frames)


def test_frames_that_end_in_several_threads_at_once_are_all_counted() -> None:
    post = make_post()
    start = threading.Barrier(4)

    def count() -> None:
        start.wait(WITHIN_S)
        for _ in range(500):
            post.count_served(1.0)
            post.count_failed(own_fault=True)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    assert (post.tally.served, post.tally.failed) == (2000, 2000)
