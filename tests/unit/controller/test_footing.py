"""A lane on the ladder over simulated nodes, in virtual time: what becomes of its frames on each rung."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controller.lanes.footing import MOTION_ONLY, THINNED, Footing, Step, Supply
from controller.lanes.ladder import Rung
from tests.testing.simulated_nodes import SimulatedNode
from tests.testing.virtual_time import run_virtually
from tests.unit.controller.test_lane import MODEL, Bench
from wire.cameras import LadderPolicy

FPS = 10
POLICY = LadderPolicy(min_fps=2.0)


async def film(bench: Bench, seconds: int, motion: float | None = 0.5) -> list[Rung]:
    """Offer frames for so long; return the rung after each second."""
    seen = []
    for _ in range(seconds):
        for _ in range(FPS):
            bench.offer(motion)
            await asyncio.sleep(1 / FPS)
        bench.lane.footing.step(1.0, bench.clock())
        seen.append(bench.lane.footing.rung)
    return seen


def drive(make: Callable[[], Bench], script: Callable[[Bench], Awaitable[None]]) -> Bench:
    async def main() -> Bench:
        bench = make()
        running = asyncio.create_task(bench.lane.run())
        await script(bench)
        await asyncio.sleep(5)
        running.cancel()
        await asyncio.wait({running})
        return bench

    return run_virtually(main())


def make_bench() -> Bench:
    return Bench(SimulatedNode("a", 0.05), ladder=POLICY, deadline_s=1.0)


def test_a_lane_whose_nodes_die_comes_down_to_motion_and_returns_with_the_nodes() -> None:
    seen: list[Rung] = []

    async def script(bench: Bench) -> None:
        seen.extend(await film(bench, 5))
        bench.pool.unseat("a")
        seen.extend(await film(bench, 20))
        bench.seat_all()
        seen.extend(await film(bench, 40))

    bench = drive(make_bench, script)
    order = [rung for rung, before in zip(seen, [None, *seen], strict=False) if rung != before]
    assert order == [Rung.FULL, Rung.FEWER_FRAMES, Rung.MOTION_ONLY, Rung.FEWER_FRAMES, Rung.FULL]
    counts = bench.counts
    assert counts.offered == 65 * FPS
    assert counts.offered == counts.inferred + counts.gated + sum(counts.dropped.values()) + sum(counts.failed.values())
    assert counts.dropped[THINNED] > 0
    assert counts.dropped[MOTION_ONLY] > 0


def test_results_say_on_which_rung_they_were_found() -> None:
    async def script(bench: Bench) -> None:
        await film(bench, 2)
        bench.pool.unseat("a")
        await film(bench, 8)
        bench.seat_all()
        await film(bench, 5)

    bench = drive(make_bench, script)
    told = [result.degraded for result in bench.answered]
    assert told[0] == ""
    assert told[-1] == "fewer_frames"


def test_on_the_lowest_rung_a_frame_without_motion_is_gated_and_one_with_motion_was_seen_by_nobody() -> None:
    footing = Footing(MODEL, POLICY, lambda _model: Supply(0))
    for second in range(30):
        footing.hold_back(None, float(second))
        footing.step(1.0, float(second))
    assert footing.rung is Rung.MOTION_ONLY
    assert footing.hold_back(0.0, 31.0) == ""
    assert footing.hold_back(0.2, 31.1) == MOTION_ONLY
    assert footing.hold_back(None, 31.2) == MOTION_ONLY  # it is not known: better said than hidden
    assert footing.sees_only(0.2)
    assert not footing.sees_only(0.0)


def test_the_smaller_model_is_asked_only_while_it_is_served() -> None:
    nodes = {MODEL: 1, "small": 1}
    footing = Footing(MODEL, LadderPolicy(min_fps=2.0, fallback="small"), lambda model: Supply(nodes[model]))
    for second in range(8):
        footing.hold_back(None, float(second))
        footing.step(1.0, float(second))
    assert footing.rung is Rung.SMALLER_MODEL
    assert footing.model == "small"
    nodes["small"] = 0
    assert footing.model == MODEL


def test_without_a_policy_nothing_is_held_back() -> None:
    footing = Footing(MODEL, None, lambda _model: Supply(0))
    for second in range(60):
        assert footing.hold_back(0.0, float(second)) is None
        assert footing.step(1.0, float(second)) is None
    assert footing.rung is Rung.FULL


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (Rung.FULL, Rung.SMALLER_MODEL, "m full -> smaller model: why"),
        (Rung.MOTION_ONLY, Rung.FEWER_FRAMES, "m motion only -> fewer frames"),
    ],
)
def test_a_step_is_told_in_words(before: Rung, after: Rung, text: str) -> None:
    assert Step("m", before, after, "why").text == text
