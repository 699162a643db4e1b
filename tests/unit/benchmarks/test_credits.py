from __future__ import annotations

import asyncio

from benchmarks.frame_path.contender import IN_FLIGHT
from benchmarks.frame_path.credits import Credits


async def take_all(credits_: Credits, workers: int) -> list[int]:
    return [await credits_.take() for _ in range(workers * IN_FLIGHT)]


async def test_every_worker_gets_as_many_frames_as_it_may_hold_in_turn() -> None:
    taken = await take_all(Credits(range(2)), 2)
    assert sorted(taken[:2]) == [0, 1]
    assert sorted(taken) == [0, 0, 1, 1]


async def test_who_has_waited_longest_is_served_first() -> None:
    workers = Credits(range(1))
    await take_all(workers, 1)
    served: list[str] = []

    async def wait(name: str) -> None:
        await workers.take()
        served.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name in ("first", "second", "third"):
            tasks.create_task(wait(name))
        await asyncio.sleep(0)
        for _ in range(3):
            workers.give(0)
    assert served == ["first", "second", "third"]


async def test_a_barred_worker_gets_nothing_until_it_is_admitted() -> None:
    workers = Credits(range(2))
    workers.bar(0)
    assert [await workers.take(), await workers.take()] == [1, 1]
    waiting = asyncio.ensure_future(workers.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    workers.admit(0)
    assert await waiting == 0


async def test_a_waiter_that_left_takes_no_credit_with_it() -> None:
    workers = Credits(range(1))
    await take_all(workers, 1)
    gone = asyncio.ensure_future(workers.take())
    await asyncio.sleep(0)
    gone.cancel()
    workers.give(0)
    assert await asyncio.wait_for(workers.take(), 1) == 0
