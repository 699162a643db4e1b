"""Frames through cut models, in virtual time: stages kept busy, faults met, every slot given back."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dispatch.candidate import SLOTS, Chain, Role
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job, Outcome
from controller.dispatch.pool import Pool
from tests.testing.simulated_nodes import DIGEST, SimulatedCourier, SimulatedNode, whole
from tests.testing.virtual_time import run_virtually
from wire.errors import BrambleError, InvalidTensorError
from wire.precision import Precision

MODEL = "m"


def chain_of(stages: int, cut: str = "0" * 16) -> Chain:
    return Chain(MODEL, DIGEST, cut, stages)


class Bench:
    """A dispatcher over nodes that have a stage each, in virtual time; ``seconds`` of a node are for its stage."""

    def __init__(self, *stages: list[SimulatedNode]) -> None:
        self.clock = asyncio.get_running_loop().time
        self.chain = chain_of(len(stages))
        self.stages = stages
        self.nodes = [node for nodes in stages for node in nodes]
        for node in self.nodes:
            node.seconds *= len(stages)  # the courier divides them
        self.pool = Pool(self.clock)
        self.courier = SimulatedCourier(*self.nodes)
        self.dispatcher = Dispatcher(self.pool, self.courier, self.clock)
        self.seat_all()

    def seat_all(self) -> None:
        for stage, nodes in enumerate(self.stages):
            for node in nodes:
                self.seat(node, Role(self.chain, stage))

    def seat(self, node: SimulatedNode, *roles: Role, session: str = "s") -> None:
        self.pool.seat(node.name, dict.fromkeys(roles, Precision.EXACT), session, {})

    async def infer(self, frame: str = "f", within: float = 10.0) -> Outcome:
        return await self.dispatcher.infer(Job(frame, MODEL, b"", self.clock() + within))

    async def saturate(self, frames: int) -> float:
        """Send so many frames at once and return how many came back a second."""
        started = self.clock()
        await asyncio.gather(*(self.infer(str(number), 1e6) for number in range(frames)))
        return frames / (self.clock() - started)

    @property
    def held(self) -> int:
        return sum(self.pool.in_flight(node.name) for node in self.nodes)


def make_nodes(*seconds: float, prefix: str = "n") -> list[SimulatedNode]:
    return [SimulatedNode(f"{prefix}{number}", each) for number, each in enumerate(seconds)]


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [
        ([[0.1], [0.1]], 10.0),
        ([[0.1], [0.1], [0.1]], 10.0),
        ([[0.1]] * 5, 10.0),
        ([[0.05], [0.2], [0.05]], 5.0),
        ([[0.1], [0.2, 0.2], [0.1]], 10.0),
        ([[0.05], [0.2, 0.1], [0.05]], 15.0),
    ],
)
def test_a_pipeline_gives_what_its_slowest_stage_allows(seconds: list[list[float]], bound: float) -> None:
    async def main() -> None:
        bench = Bench(*(make_nodes(*each, prefix=f"s{stage}-") for stage, each in enumerate(seconds)))
        await bench.saturate(20)  # it learns how long the stages take
        assert await bench.saturate(200) >= 0.95 * bound
        assert bench.held == 0

    run_virtually(main())


def test_as_many_frames_are_under_way_as_there_are_equal_stages_and_one_more() -> None:
    async def main() -> None:
        bench = Bench(*([node] for node in make_nodes(0.1, 0.1, 0.1, 0.1, 0.1)))
        await bench.saturate(20)
        load = asyncio.create_task(bench.saturate(100))
        for _ in range(50):
            await asyncio.sleep(0.1)
            assert [bench.pool.in_flight(node.name) for node in bench.nodes] == [6] * 5
        await load

    run_virtually(main())


def test_a_frame_that_a_stage_cannot_take_goes_round_that_node_and_only_that() -> None:
    async def main() -> None:
        first, bad, good, last = make_nodes(0.01, 0.01, 0.2, 0.01)
        bad.faults = ["gone"]
        bench = Bench([first], [bad, good], [last])
        outcome = await bench.infer()
        assert outcome.answer.nodes == ("n0", "n2", "n3")
        assert not outcome.redone
        assert bench.pool.serving(MODEL) == ("n0", "n2", "n3")
        assert bench.held == 0

    run_virtually(main())


def test_a_frame_waits_for_the_only_node_of_a_stage_to_come_back() -> None:
    async def main() -> None:
        first, last = make_nodes(0.1, 0.1)
        bench = Bench([first], [last])
        last.faults = ["gone"]
        task = asyncio.create_task(bench.infer())
        await asyncio.sleep(1.0)
        assert bench.pool.serving(MODEL) == ()
        bench.seat(last, Role(bench.chain, 1), session="after its restart")
        outcome = await task
        assert outcome.answer.nodes == ("n0", "n1")
        assert not outcome.redone
        assert bench.held == 0

    run_virtually(main())


def test_a_tensor_that_one_node_calls_invalid_is_tried_over_another_and_believed_when_that_agrees() -> None:
    async def main() -> None:
        first, one, two = make_nodes(0.01, 0.1, 0.2)
        bench = Bench([first], [one, two])
        one.faults = ["bad_tensor"]
        assert (await bench.infer()).answer.nodes == ("n0", "n2")
        one.faults, two.faults = ["bad_tensor"], ["bad_tensor"]
        with pytest.raises(InvalidTensorError):
            await bench.infer()

    run_virtually(main())


def test_a_silent_node_in_the_middle_is_gone_round_and_barred_when_the_other_way_answers() -> None:
    async def main() -> None:
        first, silent, good, last = make_nodes(0.1, 0.1, 0.3, 0.1)
        bench = Bench([first], [silent, good], [last])
        for _ in range(8):
            await bench.infer()
        silent.faults = ["silent"] * 9
        outcomes = [await bench.infer() for _ in range(6)]
        assert all(outcome.answer.nodes == ("n0", "n2", "n3") for outcome in outcomes)
        assert "n1" not in bench.pool.serving(MODEL)
        assert bench.held == 0

    run_virtually(main())


def test_frames_lost_with_a_node_give_the_other_nodes_free_and_are_sent_again_before_all_who_wait() -> None:
    async def main() -> None:
        first, dying, last = make_nodes(0.1, 0.1, 0.1)
        bench = Bench([first], [dying], [last])
        await bench.saturate(10)
        dying.faults = ["silent"] * 100
        tasks = [asyncio.create_task(bench.infer(str(number), 30.0)) for number in range(10)]
        await asyncio.sleep(1.0)
        bench.pool.unseat(dying.name)  # its heartbeats stopped
        await asyncio.sleep(2.0)
        dying.faults.clear()
        bench.seat(dying, Role(bench.chain, 1), session="after its restart")
        outcomes = await asyncio.gather(*tasks)
        assert bench.clock() < 10
        assert sum(outcome.redone for outcome in outcomes) > 0
        assert bench.held == 0

    run_virtually(main())


def test_frames_of_a_cut_that_goes_take_the_one_that_has_come() -> None:
    async def main() -> None:
        one, two = make_nodes(0.1, 0.1)
        bench = Bench([one], [two])
        new = chain_of(2, "1" * 16)
        tasks = [asyncio.create_task(bench.infer(str(number), 30.0)) for number in range(12)]
        await asyncio.sleep(0.35)
        for stage, node in enumerate((one, two)):
            bench.seat(node, Role(bench.chain, stage), Role(new, stage))
        await asyncio.sleep(0.35)
        for stage, node in enumerate((one, two)):
            node.refused = {bench.chain}
            bench.seat(node, Role(new, stage))
        outcomes = await asyncio.gather(*tasks)
        assert {outcome.answer.cut for outcome in outcomes} == {bench.chain.cut, new.cut}
        assert bench.held == 0

    run_virtually(main())


def test_whole_models_and_a_pipeline_share_the_frames_by_what_they_can_do() -> None:
    async def main() -> None:
        first, last, alone = make_nodes(0.1, 0.1, 0.2)
        bench = Bench([first], [last])
        bench.courier.nodes[alone.name] = alone
        bench.nodes.append(alone)
        bench.seat(alone, whole(MODEL))
        await bench.saturate(30)
        assert await bench.saturate(150) >= 0.9 * (10 + 5)
        assert alone.served > 30
        assert bench.held == 0

    run_virtually(main())


faults = st.lists(
    st.sampled_from([None, None, None, None, "gone", "broken", "draining", "bad_image", "bad_tensor", "silent"]),
    max_size=8,
)
staffs = st.lists(st.lists(st.tuples(st.floats(0.005, 0.5), faults), min_size=1, max_size=2), min_size=2, max_size=4)
arrivals = st.lists(st.tuples(st.floats(0, 0.3), st.floats(0.05, 5.0)), min_size=1, max_size=20)


@settings(max_examples=150)
@given(staffs, arrivals, st.floats(0.1, 2.0))
def test_every_frame_of_any_schedule_ends_once_and_gives_all_its_slots_back(
    staff: list[list[tuple[float, list[str | None]]]], schedule: list[tuple[float, float]], beat: float
) -> None:
    async def main() -> None:
        stages = [
            [SimulatedNode(f"s{stage}-{place}", *each) for place, each in enumerate(nodes)]
            for stage, nodes in enumerate(staff)
        ]
        bench = Bench(*stages)
        ends: list[str] = []

        async def heartbeats() -> None:
            while True:
                await asyncio.sleep(beat)
                bench.seat_all()

        async def ask(frame: str, within: float) -> None:
            started = bench.clock()
            try:
                outcome = await bench.infer(frame, within)
                assert outcome.answer.frame == frame
                assert len(outcome.answer.nodes) == len(stages)
            except BrambleError:
                pass
            ends.append(frame)
            assert bench.clock() - started <= within + 1e-6

        beating = asyncio.create_task(heartbeats())
        async with asyncio.TaskGroup() as tasks:
            for number, (pause, within) in enumerate(schedule):
                await asyncio.sleep(pause)
                tasks.create_task(ask(str(number), within))
        await bench.dispatcher.close(within=60.0)
        beating.cancel()
        assert sorted(ends) == sorted(str(number) for number in range(len(schedule)))
        assert (bench.held, bench.pool.waiting) == (0, 0)
        assert all(node.peak <= 2 * SLOTS * len(stages) for node in bench.nodes)

    run_virtually(main())


@given(st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=4))
def test_a_cut_serves_when_each_of_its_stages_has_a_node(staffing: list[set[str]]) -> None:
    pool = Pool(lambda: 0.0)
    chain = chain_of(len(staffing))
    for name in "abc":
        roles = [Role(chain, stage) for stage, nodes in enumerate(staffing) if name in nodes]
        pool.seat(name, dict.fromkeys(roles, Precision.EXACT), "s", {})
    everybody = {node for nodes in staffing for node in nodes}
    assert set(pool.serving(MODEL)) == (everybody if all(staffing) else set())
    assert pool.can_serve(MODEL) == all(staffing)
    for node, stage in product("abc", range(len(staffing))):
        alone = staffing[stage] == {node}
        if all(staffing) and alone:
            assert not pool.can_serve(MODEL, without=frozenset({(node, chain)}))


def take(pool: Pool) -> str | None:
    """Return the cut that a free slot is for, "whole" where it is none."""
    slot = pool.take(MODEL)
    if slot is None:
        return None
    pool.release(slot)
    return slot.chain.cut or "whole"


def test_a_whole_model_in_reserve_is_taken_only_while_a_stage_has_no_node() -> None:
    pool = Pool(lambda: 0.0)
    chain = chain_of(2)
    pool.spares = lambda _model: {"a", "b"}
    first, second = ({Role(chain, stage): Precision.EXACT, whole(MODEL): Precision.EXACT} for stage in (0, 1))
    pool.seat("a", first, "s", {})
    pool.seat("b", second, "s", {})
    assert take(pool) == chain.cut
    pool.bar("b")
    assert take(pool) == "whole"
    pool.seat("b", second, "s", {})
    assert take(pool) == chain.cut
    pool.unseat("a")
    assert take(pool) == "whole"


def test_frames_wait_for_a_busy_pipeline_rather_than_take_what_is_in_reserve() -> None:
    pool = Pool(lambda: 0.0)
    chain = chain_of(2)
    pool.spares = lambda _model: {"spare"}
    for stage, name in enumerate("ab"):
        pool.seat(name, {Role(chain, stage): Precision.EXACT}, "s", {})
    pool.seat("spare", {whole(MODEL): Precision.EXACT}, "s", {})
    held = []
    while slot := pool.take(MODEL):
        held.append(slot)
    assert {slot.chain.cut for slot in held} == {chain.cut}
    assert len(held) >= SLOTS


def test_a_whole_model_that_is_not_in_reserve_serves_beside_a_pipeline() -> None:
    pool = Pool(lambda: 0.0)
    chain = chain_of(2)
    pool.spares = lambda _model: {"a"}
    pool.seat("a", {Role(chain, 0): Precision.EXACT, whole(MODEL): Precision.EXACT}, "s", {})
    pool.seat("c", {whole(MODEL): Precision.EXACT}, "s", {})
    for _ in range(SLOTS):
        slot = pool.take(MODEL)
        assert slot is not None
        assert slot.nodes == ("c",)
    assert pool.take(MODEL) is None
