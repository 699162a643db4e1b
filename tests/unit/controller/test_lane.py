from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.pool import Pool
from controller.lanes.capture import Capture
from controller.lanes.footing import Footing, Supply
from controller.lanes.lane import Lane, LaneSettings
from controller.metrics.metrics import Metrics
from controller.results.results import Results
from tests.testing.simulated_nodes import SimulatedCourier, SimulatedNode, seat_whole
from tests.testing.virtual_time import run_virtually
from wire.bus import Link
from wire.cameras import LadderPolicy
from wire.messages import Counts, Result, decode

MODEL = "m"


class Ear(Link):
    """A link that keeps what is published instead of sending it."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Result] = []

    async def publish(self, subject: str, payload: bytes = b"", **_: object) -> None:
        assert subject == f"results.door.{MODEL}"
        self.results.append(decode(payload, Result))


class Bench:
    """A lane over simulated nodes, in virtual time."""

    def __init__(
        self,
        *nodes: SimulatedNode,
        deadline_s: float = 2.0,
        known: bool = True,
        ladder: LadderPolicy | None = None,
    ) -> None:
        clock = asyncio.get_running_loop().time
        self.clock = clock
        self.ear = Ear()
        self.results = Results(self.ear, Metrics(), clock, lambda _camera: True)
        self.pool = Pool(clock)
        self.answered: list[Result] = []
        self.dispatcher = Dispatcher(self.pool, SimulatedCourier(*nodes), clock)
        self.lane = Lane(
            LaneSettings("door", MODEL, deadline_s, None),
            pool=self.pool,
            dispatcher=self.dispatcher,
            results=self.results,
            knows=lambda _name: known,
            on_result=lambda _capture, result: self.answered.append(result),
            clock=clock,
            footing=Footing(MODEL, ladder, lambda name: Supply(len(self.pool.serving(name)))),
        )
        self.nodes = nodes
        self.seat_all()

    def seat_all(self) -> None:
        for node in self.nodes:
            seat_whole(self.pool, node, MODEL)

    def offer(self, motion: float | None = None) -> Capture:
        capture = Capture.new("door", b"picture", captured_at=0.0, arrived=self.clock())
        self.lane.offer(capture, motion)
        return capture

    @property
    def counts(self) -> Counts:
        return self.results.ledger.counts()


def drive(bench_of: Callable[[], Bench], script: Callable[[Bench], Awaitable[None]]) -> Bench:
    """Run the script beside the lane, then stop the lane."""

    async def main() -> Bench:
        bench = bench_of()
        running = asyncio.create_task(bench.lane.run())
        await script(bench)
        running.cancel()
        await asyncio.wait([running])
        await bench.dispatcher.close(within=60)
        return bench

    return run_virtually(main())


def test_the_newest_frame_wins_and_the_older_ones_are_superseded() -> None:
    async def script(bench: Bench) -> None:
        for _ in range(2):
            bench.offer()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        captures = [bench.offer() for _ in range(5)]
        await asyncio.sleep(3.5)
        assert [r.frame for r in bench.answered][-1] == captures[-1].frame

    bench = drive(lambda: Bench(SimulatedNode("a", 0.5), deadline_s=5), script)
    assert bench.counts == Counts(offered=7, inferred=3, dropped={"superseded": 4})


def test_a_frame_that_finds_no_node_in_time_fails_and_is_published_as_such() -> None:
    async def script(bench: Bench) -> None:
        bench.offer()
        await asyncio.sleep(3)

    bench = drive(Bench, script)
    assert bench.counts == Counts(offered=1, failed={"no_capacity": 1})
    assert [r.error.code for r in bench.ear.results if r.error] == ["no_capacity"]


def test_a_model_that_nobody_configured_fails_at_once() -> None:
    async def script(bench: Bench) -> None:
        bench.offer()
        await asyncio.sleep(0.01)

    bench = drive(lambda: Bench(known=False), script)
    assert bench.counts == Counts(offered=1, failed={"unknown_model": 1})


def test_a_lane_that_is_stopped_ends_what_waits_and_what_is_in_flight() -> None:
    async def script(bench: Bench) -> None:
        for _ in range(4):
            bench.offer()
            await asyncio.sleep(0.01)

    bench = drive(lambda: Bench(SimulatedNode("a", 1.0)), script)
    assert bench.counts == Counts(offered=4, dropped={"superseded": 1, "removed": 3})


pauses = st.lists(st.tuples(st.floats(0, 0.6), st.sampled_from(["offer", "offer", "gate", "supersede"])), max_size=40)
faults = st.lists(st.sampled_from([None, None, "gone", "broken", "draining", "bad_image", "silent"]), max_size=10)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0.01, 1.0), faults), max_size=3), pauses, st.floats(0.05, 3.0))
def test_offered_equals_the_ends_for_any_schedule_of_frames_faults_and_stops(
    nodes: list[tuple[float, list[str | None]]], moves: list[tuple[float, str]], deadline_s: float
) -> None:
    async def script(bench: Bench) -> None:
        for pause, move in moves:
            await asyncio.sleep(pause)
            if move == "offer":
                bench.offer()
                continue
            capture = Capture.new("door", b"", captured_at=0.0, arrived=bench.clock())
            (bench.lane.gate if move == "gate" else bench.lane.supersede)(capture)

    bench = drive(
        lambda: Bench(*(SimulatedNode(f"n{i}", s, list(f)) for i, (s, f) in enumerate(nodes)), deadline_s=deadline_s),
        script,
    )
    counts = bench.counts
    ends = counts.inferred + counts.gated + sum(counts.dropped.values()) + sum(counts.failed.values())
    assert counts.open == 0
    assert counts.offered == len(moves) == ends
    assert bench.results.ledger.repeated == 0
    published = [result.frame for result in bench.ear.results]
    assert len(published) == len(set(published)) == counts.inferred + sum(counts.failed.values())
