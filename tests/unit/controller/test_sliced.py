"""A frame in tiles: every place is looked at once, one answer comes of it, and every slot comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dispatch.candidate import Chain
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job
from controller.dispatch.pool import Pool
from controller.dispatch.sliced import SlicedDispatcher
from modelkit.picture import encode_jpeg
from tests.testing.simulated_nodes import FAULTS, SimulatedCourier, SimulatedNode, seat_whole
from tests.testing.virtual_time import run_virtually
from wire.errors import BadImageError, BadRequestError, BrambleError, InternalError
from wire.headers import Hop
from wire.messages import Answer, Detection
from wire.tiles import Tiles

if TYPE_CHECKING:
    from modelkit.manifest import Manifest

MODEL = "m"
PICTURE = encode_jpeg(np.zeros((40, 100, 3), np.uint8))
TWO_BY_TWO = Tiles(columns=2, rows=2, overlap=0.2)


class LookingCourier(SimulatedCourier):
    """Its nodes find one thing in the middle of whatever they look at."""

    def __init__(self, *nodes: SimulatedNode) -> None:
        super().__init__(*nodes)
        self.looked: list[tuple[int, int, int, int]] = []

    async def carry(self, job: Job, chain: Chain, hops: tuple[Hop, ...], *, within: float) -> Answer:
        assert job.region is not None
        assert job.tiles is None
        answer = await super().carry(job, chain, hops, within=within)
        x0, y0, x1, y1 = job.region
        self.looked.append(job.region)
        x, y = (x0 + x1) / 200, (y0 + y1) / 80
        found = Detection(label="thing", index=0, score=0.5, box=(x - 0.01, y - 0.01, x + 0.01, y + 0.01))
        return msgspec.structs.replace(answer, classes=None, detections=(found,))


class Spec(msgspec.Struct):
    """What of a manifest matters here."""

    name: str = MODEL
    task: str = "detect"


class Bench:
    """A dispatcher of tiles over simulated nodes, in virtual time."""

    def __init__(self, *nodes: SimulatedNode, task: str = "detect") -> None:
        self.clock = asyncio.get_running_loop().time
        self.nodes = nodes
        self.pool = Pool(self.clock)
        self.courier = LookingCourier(*nodes)
        self.inner = Dispatcher(self.pool, self.courier, self.clock)
        require = cast("Callable[[str], Manifest]", lambda _model: Spec(task=task))
        self.dispatcher = SlicedDispatcher(self.inner, self.pool, require)
        for node in nodes:
            seat_whole(self.pool, node, MODEL)

    def job(self, tiles: Tiles = TWO_BY_TWO, *, payload: bytes = PICTURE, within: float = 10.0) -> Job:
        return Job(frame="f", model=MODEL, payload=payload, deadline=self.clock() + within, tiles=tiles)

    async def settle(self) -> int:
        """Wait for attempts that nobody waits for any more; how many slots are still taken."""
        await self.inner.close(within=30)
        await asyncio.sleep(0)
        return sum(self.pool.in_flight(node.name) for node in self.nodes)


def three_nodes() -> tuple[SimulatedNode, ...]:
    return tuple(SimulatedNode(name, 0.1) for name in "abc")


def test_the_whole_picture_and_every_tile_are_looked_at_once_and_one_answer_comes_of_them() -> None:
    async def main() -> None:
        bench = Bench(*three_nodes())
        outcome = await bench.dispatcher.infer(bench.job())
        places = [(0, 0, 100, 40), (0, 0, 56, 23), (44, 0, 100, 23), (0, 17, 56, 40), (44, 17, 100, 40)]
        assert sorted(bench.courier.looked) == sorted(places)
        assert [report.region for report in outcome.tiles] == places
        assert outcome.answer.detections is not None
        assert len(outcome.answer.detections) == 5
        assert (outcome.answer.width, outcome.answer.height) == (100, 40)
        assert sorted(outcome.answer.nodes) == ["a", "b", "c"]
        assert {report.found for report in outcome.tiles} == {1}
        assert outcome.merge_s > 0
        assert await bench.settle() == 0

    run_virtually(main())


def test_nodes_work_on_tiles_at_the_same_time() -> None:
    async def main() -> float:
        bench = Bench(*(SimulatedNode(name, 0.1) for name in "abcde"))
        await bench.dispatcher.infer(bench.job())
        return bench.clock()

    assert run_virtually(main()) == pytest.approx(0.1, abs=0.01)


def test_the_whole_picture_can_be_left_out() -> None:
    async def main() -> None:
        bench = Bench(*three_nodes())
        outcome = await bench.dispatcher.infer(bench.job(Tiles(columns=3, rows=1, whole=False)))
        assert len(outcome.tiles) == 3
        assert (0, 0, 100, 40) not in bench.courier.looked

    run_virtually(main())


def test_one_tile_is_the_whole_picture_and_is_not_looked_at_twice() -> None:
    async def main() -> None:
        bench = Bench(*three_nodes())
        assert len((await bench.dispatcher.infer(bench.job(Tiles(columns=1, rows=1)))).tiles) == 1

    run_virtually(main())


def test_a_tile_that_a_node_fails_is_looked_at_by_another_one() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1, ["broken", None]), SimulatedNode("b", 0.1), SimulatedNode("c", 0.1))
        outcome = await bench.dispatcher.infer(bench.job())
        assert outcome.redone
        assert [report.redone for report in outcome.tiles].count(True) == 1
        assert len(bench.courier.looked) == 5

    run_virtually(main())


def test_a_tile_that_nobody_can_look_at_fails_the_frame_and_gives_every_slot_back() -> None:
    async def main() -> None:
        faults: list[str | None] = ["broken"] * 9
        bench = Bench(SimulatedNode("a", 0.1, list(faults)), SimulatedNode("b", 0.1, list(faults)))
        with pytest.raises(InternalError, match="is broken"):
            await bench.dispatcher.infer(bench.job())
        assert await bench.settle() == 0

    run_virtually(main())


def test_a_picture_that_cannot_be_read_gives_back_the_slot_it_came_with() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1))
        slot = await bench.pool.reserve(MODEL, within=1)
        assert slot is not None
        with pytest.raises(BadImageError):
            await bench.dispatcher.run(bench.job(payload=b"no picture"), slot)
        assert bench.pool.in_flight("a") == 0

    run_virtually(main())


def test_the_frames_own_slot_is_used_for_its_first_tile() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1), SimulatedNode("b", 0.2))
        slot = await bench.pool.reserve(MODEL, within=1)
        assert slot is not None
        outcome = await bench.dispatcher.run(bench.job(), slot, waited_s=0.5)
        assert outcome.tiles[0].node == slot.nodes[-1]
        assert bench.courier.nodes["a"].served + bench.courier.nodes["b"].served == 5
        assert await bench.settle() == 0

    run_virtually(main())


def test_a_classifier_has_no_tiles() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1), task="classify")
        with pytest.raises(BadRequestError, match="says what a picture shows, not where"):
            await bench.dispatcher.infer(bench.job())

    run_virtually(main())


@settings(max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from([None, *FAULTS, "silent"]), max_size=6), min_size=1, max_size=4),
    st.floats(0, 3),
    st.booleans(),
)
def test_whatever_happens_one_answer_or_one_error_comes_and_every_slot_goes_back(
    faults: list[list[str | None]],
    cancel_after: float,
    cancels: bool,  # noqa: FBT001 - drawn
) -> None:
    async def main() -> None:
        bench = Bench(*(SimulatedNode(f"n{place}", 0.2, list(each)) for place, each in enumerate(faults)))
        slot = await bench.pool.reserve(MODEL, within=1)
        assert slot is not None
        work = asyncio.create_task(bench.dispatcher.run(bench.job(within=4.0), slot))
        if cancels:
            await asyncio.wait([work], timeout=cancel_after)
            work.cancel()
        await asyncio.wait([work])
        if not work.cancelled() and not isinstance(work.exception(), BrambleError):
            assert len(work.result().tiles) == 5
        assert bench.clock() <= 4.1
        assert await bench.settle() == 0

    run_virtually(main())
