from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.dispatch.candidate import SLOTS
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job, Outcome
from controller.dispatch.pool import Pool
from controller.results.ledger import End, Ledger
from tests.testing.simulated_nodes import SimulatedCourier, SimulatedNode, seat_whole
from tests.testing.virtual_time import run_virtually
from wire.errors import BadImageError, BrambleError, DeadlineExceededError, InternalError, NoCapacityError

MODEL = "m"


class Bench:
    """A dispatcher over simulated nodes, in virtual time."""

    def __init__(self, *nodes: SimulatedNode) -> None:
        self.clock = asyncio.get_running_loop().time
        self.pool = Pool(self.clock)
        self.dispatcher = Dispatcher(self.pool, SimulatedCourier(*nodes), self.clock)
        for node in nodes:
            self.seat(node)

    def seat(self, node: SimulatedNode) -> None:
        seat_whole(self.pool, node, MODEL)

    def job(self, frame: str = "f", within: float = 10.0) -> Job:
        return Job(frame=frame, model=MODEL, payload=b"", deadline=self.clock() + within)

    async def infer(self, frame: str = "f", within: float = 10.0) -> Outcome:
        return await self.dispatcher.infer(self.job(frame, within))


def test_a_node_that_nobody_listens_on_costs_nothing_and_gets_no_more_work() -> None:
    async def main() -> None:
        dead, good = SimulatedNode("a-dead", 0.0, ["gone"] * 9), SimulatedNode("good", 0.1)
        bench = Bench(dead, good)
        outcome = await bench.infer()
        assert outcome.answer.nodes == ("good",)
        assert not outcome.redone
        assert bench.pool.serving(MODEL) == ("good",)
        bench.seat(dead)
        assert bench.pool.serving(MODEL) == ("a-dead", "good")

    run_virtually(main())


@pytest.mark.parametrize("fault", ["broken", "draining"])
def test_an_error_that_another_node_may_not_have_is_tried_once_elsewhere(fault: str) -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.01, [fault]), SimulatedNode("b", 0.1))
        outcome = await bench.infer()
        assert outcome.answer.nodes == ("b",)
        assert outcome.redone is (fault == "broken")

    run_virtually(main())


def test_an_error_of_the_frame_itself_is_not_tried_again() -> None:
    async def main() -> None:
        other = SimulatedNode("b", 0.1)
        bench = Bench(SimulatedNode("a", 0.01, ["bad_image"]), other)
        with pytest.raises(BadImageError):
            await bench.infer()
        assert other.served == 0

    run_virtually(main())


def test_two_broken_nodes_give_the_error_and_a_third_is_not_asked() -> None:
    async def main() -> None:
        third = SimulatedNode("c", 0.9)
        bench = Bench(SimulatedNode("a", 0.1, ["broken"]), SimulatedNode("b", 0.2, ["broken"]), third)
        with pytest.raises(InternalError, match="b is broken"):
            await bench.infer()
        assert third.served == 0

    run_virtually(main())


def test_a_silent_node_is_backed_up_after_three_times_its_expectation() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.2, ["silent"]), SimulatedNode("b", 0.3))
        outcome = await bench.infer()
        assert outcome.redone
        assert outcome.answer.nodes == ("b",)
        assert bench.clock() == pytest.approx(3 * 0.2 + 0.3)

    run_virtually(main())


def test_frames_of_a_node_that_is_gone_are_done_elsewhere_as_soon_as_that_is_known() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.2, ["silent"]), SimulatedNode("b", 0.3))
        frames = [asyncio.create_task(bench.infer(frame)) for frame in "fg"]
        await asyncio.sleep(0.01)
        assert (bench.pool.in_flight("a"), bench.pool.in_flight("b")) == (1, 1)
        bench.pool.lose("a")
        outcomes = [await frame for frame in frames]
        assert [(outcome.answer.nodes, outcome.redone) for outcome in outcomes] == [(("b",), True), (("b",), False)]
        assert bench.clock() == pytest.approx(2 * 0.3)

    run_virtually(main())


def test_a_node_that_keeps_a_frame_for_long_is_asked_once_whether_it_is_there_still() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.2, ["silent"]), SimulatedNode("b", 0.3))
        doubted: list[tuple[float, str]] = []

        def doubt(node: str) -> None:
            doubted.append((bench.clock(), node))
            bench.pool.lose(node)

        bench.pool.doubt = doubt
        outcome = await bench.infer()
        assert (outcome.answer.nodes, outcome.redone) == (("b",), True)
        assert doubted == [(pytest.approx(2 * 0.2), "a")]
        assert bench.clock() == pytest.approx(2 * 0.2 + 0.3)

    run_virtually(main())


def test_a_node_that_is_there_still_is_waited_for_as_long_as_ever() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.2, ["silent"]), SimulatedNode("b", 0.3))
        doubted: list[str] = []
        bench.pool.doubt = doubted.append
        outcome = await bench.infer()
        assert (outcome.answer.nodes, doubted) == (("b",), ["a"])
        assert bench.clock() == pytest.approx(3 * 0.2 + 0.3)

    run_virtually(main())


def test_losing_a_node_that_has_none_of_the_frame_changes_nothing() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.2), SimulatedNode("b", 0.3))
        frame = asyncio.create_task(bench.infer())
        await asyncio.sleep(0.01)
        bench.pool.lose("b")
        bench.pool.lose("nobody")
        outcome = await frame
        assert (outcome.answer.nodes, outcome.redone, bench.clock()) == (("a",), False, pytest.approx(0.2))

    run_virtually(main())


def test_a_slow_answer_that_still_comes_first_wins_and_the_second_is_dropped() -> None:
    async def main() -> None:
        slow = SimulatedNode("a", 1.0)
        bench = Bench(slow, SimulatedNode("b", 5.0))
        seat_whole(bench.pool, slow, MODEL, session="another", seconds=0.2)  # it believes to be faster than it is
        outcome = await bench.infer()
        assert (outcome.answer.nodes, outcome.redone) == (("a",), True)
        assert bench.dispatcher.late == 1

    run_virtually(main())


def test_a_frame_that_no_node_answers_ends_at_its_deadline() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.2, ["silent"]))
        with pytest.raises(DeadlineExceededError):
            await bench.infer(within=2.0)
        assert bench.clock() == pytest.approx(2.0)
        assert bench.pool.in_flight("a") == 0
        assert bench.pool.serving(MODEL) == ()

    run_virtually(main())


def test_a_short_deadline_of_the_asker_does_not_take_nodes_out() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.5))
        with pytest.raises(DeadlineExceededError):
            await bench.infer(within=0.01)
        assert bench.pool.serving(MODEL) == ("a",)

    run_virtually(main())


def test_no_node_at_all_is_no_capacity_at_the_deadline() -> None:
    async def main() -> None:
        bench = Bench()
        with pytest.raises(NoCapacityError, match="no node is ready for m"):
            await bench.infer(within=1.0)

    run_virtually(main())


def test_who_waits_is_served_first_come_first_served() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1))
        order: list[str] = []

        async def ask(frame: str) -> None:
            await bench.infer(frame)
            order.append(frame)

        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(ask(f"{number:02}"))
        assert order == sorted(order)

    run_virtually(main())


def test_waiters_of_one_model_do_not_hold_up_those_of_another() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1))
        blocked = asyncio.create_task(bench.pool.reserve("unserved", within=5.0))
        await asyncio.sleep(0)
        slot = await bench.pool.reserve(MODEL, within=0.0)
        assert slot is not None
        assert await blocked is None

    run_virtually(main())


def test_a_cancelled_waiter_loses_no_slot() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1))
        held = [await bench.pool.reserve(MODEL, within=0.0) for _ in range(SLOTS)]
        waiting = asyncio.create_task(bench.pool.reserve(MODEL, within=9.0))
        await asyncio.sleep(0)
        assert held[0] is not None
        bench.pool.release(held[0])  # granted to the waiter in this instant ...
        waiting.cancel()  # ... which is cancelled in the same
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert bench.pool.in_flight("a") == SLOTS - 1

    run_virtually(main())


def test_a_slot_goes_past_a_waiter_that_is_cancelled_to_the_next_one() -> None:
    async def main() -> None:
        bench = Bench(SimulatedNode("a", 0.1))
        held = [await bench.pool.reserve(MODEL, within=0.0) for _ in range(SLOTS)]
        leaving, staying = (asyncio.create_task(bench.pool.reserve(MODEL, within=9.0)) for _ in range(2))
        await asyncio.sleep(0)
        assert held[0] is not None
        leaving.cancel()  # has not left the line yet ...
        bench.pool.release(held[0])  # ... when it would be its turn
        assert await asyncio.wait_for(staying, 1.0) is not None
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert bench.pool.waiting == 0

    run_virtually(main())


faults = st.lists(st.sampled_from([None, None, None, "gone", "broken", "draining", "bad_image", "silent"]), max_size=12)
node_sets = st.lists(st.tuples(st.floats(0.005, 1.0), faults), min_size=1, max_size=4)
arrivals = st.lists(st.tuples(st.floats(0, 0.3), st.floats(0.05, 5.0)), min_size=1, max_size=30)


@settings(max_examples=150)
@given(node_sets, arrivals, st.floats(0.1, 2.0))
def test_every_frame_of_any_schedule_ends_exactly_once_and_within_its_deadline(
    node_set: list[tuple[float, list[str | None]]], schedule: list[tuple[float, float]], beat: float
) -> None:
    async def main() -> None:
        nodes = [SimulatedNode(f"n{i}", seconds, list(faults)) for i, (seconds, faults) in enumerate(node_set)]
        bench, ledger = Bench(*nodes), Ledger()

        async def heartbeats() -> None:
            while True:
                await asyncio.sleep(beat)
                for node in nodes:
                    bench.seat(node)

        async def ask(frame: str, within: float) -> None:
            started = bench.clock()
            ledger.offer(frame, "camera", MODEL)
            try:
                outcome = await bench.infer(frame, within)
            except BrambleError as error:
                first = ledger.end(frame, "camera", MODEL, End.FAILED, error.code.value)
            else:
                assert outcome.answer.frame == frame
                first = ledger.end(frame, "camera", MODEL, End.INFERRED)
            assert first
            assert bench.clock() - started <= within + 1e-6

        beating = asyncio.create_task(heartbeats())
        async with asyncio.TaskGroup() as tasks:
            for number, (pause, within) in enumerate(schedule):
                await asyncio.sleep(pause)
                tasks.create_task(ask(str(number), within))
        await bench.dispatcher.close(within=60.0)
        beating.cancel()
        counts = ledger.counts()
        assert counts.offered == len(schedule) == counts.inferred + sum(counts.failed.values())
        assert counts.open == 0
        assert bench.pool.waiting == 0
        assert all(node.peak <= SLOTS for node in nodes)
        assert all(bench.pool.in_flight(node.name) == 0 for node in nodes)

    run_virtually(main())


def test_a_node_that_stands_by_is_idle_while_the_primary_serves_and_takes_over_in_the_same_frame() -> None:
    async def main() -> None:
        primary, backup = SimulatedNode("primary", 0.5, [None] * 3 + ["gone"]), SimulatedNode("backup", 0.01)
        bench = Bench(primary, backup)
        bench.pool.standby = lambda _model: {"backup"}
        outcomes = [await bench.infer(str(number)) for number in range(4)]
        assert [outcome.answer.nodes for outcome in outcomes] == [("primary",)] * 3 + [("backup",)]
        assert not outcomes[-1].redone  # nobody listened on the primary: it never had the frame
        assert bench.pool.serving(MODEL) == ("backup",)

    run_virtually(main())


def test_a_frame_waits_for_a_busy_primary_rather_than_wake_who_stands_by() -> None:
    async def main() -> None:
        primary, backup = SimulatedNode("primary", 0.2), SimulatedNode("backup", 0.01)
        bench = Bench(primary, backup)
        bench.pool.standby = lambda _model: {"backup"}
        outcomes = await asyncio.gather(*(bench.infer(str(number)) for number in range(6)))
        assert {outcome.answer.nodes for outcome in outcomes} == {("primary",)}

    run_virtually(main())
