"""Ranks in the pool, in virtual time: cameras before people before jobs, and nobody for ever."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dispatch.candidate import SLOTS
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job
from controller.dispatch.line import LIMITS, Rank
from controller.dispatch.pool import Pool, Slot
from tests.testing.simulated_nodes import SimulatedCourier, SimulatedNode, seat_whole
from tests.testing.virtual_time import run_virtually
from wire.errors import NoCapacityError

MODEL = "m"


class Bench:
    """A dispatcher over one simulated node, in virtual time."""

    def __init__(self, *, seconds: float = 0.1) -> None:
        self.clock = asyncio.get_running_loop().time
        self.pool = Pool(self.clock)
        node = SimulatedNode("a", seconds)
        self.dispatcher = Dispatcher(self.pool, SimulatedCourier(node), self.clock)
        seat_whole(self.pool, node, MODEL)
        self.waits: dict[Rank, list[float]] = defaultdict(list)
        self.order: list[Rank] = []

    async def ask(self, rank: Rank, *, within: float = 1000.0) -> None:
        job = Job(frame=f"{rank}", model=MODEL, payload=b"", deadline=self.clock() + within, rank=rank)
        outcome = await self.dispatcher.infer(job)
        self.waits[rank].append(outcome.wait_s)
        self.order.append(rank)


def test_a_frame_and_a_request_overtake_the_jobs_that_wait() -> None:
    async def main() -> None:
        bench = Bench()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(10):
                tasks.create_task(bench.ask(Rank.JOB))
            await asyncio.sleep(0.05)
            tasks.create_task(bench.ask(Rank.INTERACTIVE))
            tasks.create_task(bench.ask(Rank.LIVE))
        behind = SLOTS * 0.1 + 0.2  # what was in flight when they came, and each other
        assert bench.waits[Rank.LIVE][0] <= behind
        assert bench.waits[Rank.INTERACTIVE][0] <= behind
        assert bench.order.index(Rank.LIVE) < bench.order.index(Rank.INTERACTIVE) < 5

    run_virtually(main())


def test_jobs_and_requests_keep_their_share_under_a_flood_of_frames() -> None:
    async def main() -> None:
        bench = Bench()

        async def flood(rank: Rank) -> None:
            while True:
                await bench.ask(rank)

        floods = [asyncio.create_task(flood(rank)) for rank in Rank for _ in range(8)]
        await asyncio.sleep(100.0)
        for task in floods:
            task.cancel()
        await asyncio.wait(floods)
        shares = {rank: bench.order.count(rank) / len(bench.order) for rank in Rank}
        assert shares[Rank.LIVE] > 0.55
        assert shares[Rank.INTERACTIVE] > 0.2
        assert shares[Rank.JOB] > 0.1

    run_virtually(main())


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 0.2), st.sampled_from(Rank)), min_size=1, max_size=80))
def test_whatever_comes_in_whatever_order_every_rank_is_served_to_the_last(arrivals: list[tuple[float, Rank]]) -> None:
    async def main() -> None:
        bench = Bench()
        async with asyncio.TaskGroup() as tasks:
            for gap, rank in arrivals:
                await asyncio.sleep(gap)
                tasks.create_task(bench.ask(rank))
        assert sorted(bench.order) == sorted(rank for _, rank in arrivals)
        assert (bench.pool.waiting, bench.pool.in_flight("a")) == (0, 0)

    run_virtually(main())


@pytest.mark.parametrize("rank", Rank)
def test_who_comes_when_as_many_wait_as_may_is_refused_at_once_and_told_when_to_come_again(rank: Rank) -> None:
    async def main() -> None:
        bench = Bench()
        held = [await bench.pool.reserve(MODEL, within=0.0) for _ in range(SLOTS)]
        waiting = [asyncio.create_task(bench.pool.reserve(MODEL, within=9.0, rank=rank)) for _ in range(LIMITS[rank])]
        await asyncio.sleep(0)
        before = bench.clock()
        with pytest.raises(NoCapacityError) as caught:
            await bench.pool.reserve(MODEL, within=9.0, rank=rank)
        assert bench.clock() == before
        assert (caught.value.retry_after_ms or 0) >= 50
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        for slot in held:
            assert isinstance(slot, Slot)
            bench.pool.release(slot)
        assert (bench.pool.waiting, bench.pool.in_flight("a")) == (0, 0)

    run_virtually(main())


def test_a_request_that_found_no_node_in_time_is_told_when_to_come_again() -> None:
    async def main() -> None:
        bench = Bench(seconds=5.0)
        blocking = [asyncio.create_task(bench.ask(Rank.INTERACTIVE)) for _ in range(SLOTS)]
        await asyncio.sleep(0.01)
        with pytest.raises(NoCapacityError) as caught:
            await bench.ask(Rank.INTERACTIVE, within=0.5)
        assert caught.value.retry_after_ms == 5000
        await asyncio.wait(blocking)

    run_virtually(main())
