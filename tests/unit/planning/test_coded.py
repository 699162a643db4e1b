"""Activations in fewer bytes: only where a link is what holds a plan up, and only as coarse as that needs."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.planning import NoPlanError, Objective, Option, Plan, Problem, Stage, evaluate, make_plan
from controller.planning.layout import measure
from controller.planning.precision import code
from tests.unit.planning.test_planning import MB, node, workload
from wire.precision import Precision

FLOATS = workload(2, crossing_bytes=(60_000, 100_000, 4_000), float_bytes=(0, 100_000, 0))


def problem(*, send_bytes_s: float, wire: Precision = Precision.INT8, floats: int = 100_000) -> Problem:
    """Two nodes that have to share the model: each has room for half of it, and the first sends slowly."""
    small = 12 * MB
    return Problem(
        workload=replace(FLOATS, float_bytes=(0, floats, 0)),
        nodes=(
            node("a", 0.01, 0.01, memory=small, send_bytes_s=send_bytes_s),
            node("b", 0.01, 0.01, memory=small, send_bytes_s=send_bytes_s),
        ),
        wire=wire,
    )


def wires(option: Option) -> tuple[tuple[Precision, ...], ...]:
    return tuple(tuple(stage.wire for stage in stages) for stages in option.pipelines)


def find(plan: Plan, name: str) -> Option | None:
    return next((option for option in plan.alternatives if option.name == name), None)


def test_a_fast_link_carries_activations_exactly_though_less_is_allowed() -> None:
    plan = make_plan(problem(send_bytes_s=1e9))
    assert [option.name for option in plan.alternatives] == ["pipeline"]
    assert plan.chosen.wire is Precision.EXACT


def test_a_link_that_holds_the_plan_up_is_relieved_no_more_than_needed() -> None:
    plan = make_plan(problem(send_bytes_s=6e6))  # 17 ms for 100 kB; 10 ms of computing
    assert plan.chosen.name == "pipeline f16"
    assert wires(plan.chosen) == ((Precision.F16, Precision.EXACT),)
    assert "sends activations in f16 where a link is slow" in plan.reason
    exact = find(plan, "pipeline")
    assert exact is not None
    assert plan.chosen.prediction.throughput_s > 1.1 * exact.prediction.throughput_s
    slower = make_plan(problem(send_bytes_s=2e6))
    assert wires(slower.chosen) == ((Precision.INT8, Precision.EXACT),)


def test_nothing_is_coarser_than_allowed() -> None:
    allowed = make_plan(problem(send_bytes_s=2e6, wire=Precision.F16))
    assert allowed.chosen.wire is Precision.F16
    exact = make_plan(problem(send_bytes_s=2e6, wire=Precision.EXACT))
    assert exact.chosen.wire is Precision.EXACT


def test_integers_travel_as_they_are() -> None:
    plan = make_plan(problem(send_bytes_s=2e6, floats=0))
    assert [option.name for option in plan.alternatives] == ["pipeline"]


def test_what_is_too_large_for_a_message_may_fit_when_it_is_coded() -> None:
    tight = replace(problem(send_bytes_s=1e9), max_payload=70_000)
    plan = make_plan(tight)
    assert plan.chosen.name == "pipeline f16"
    assert not plan.chosen.prediction.throughput_s < 1 / 0.02


def test_the_memory_of_a_plan_does_not_depend_on_what_is_on_the_way() -> None:
    plan = make_plan(problem(send_bytes_s=2e6), Objective.MEMORY)
    assert plan.chosen.wire is Precision.EXACT


@st.composite
def chains(draw: st.DrawFn) -> Problem:
    segments = draw(st.integers(2, 4))
    crossing = [draw(st.integers(1, 8)) * 20_000 for _ in range(segments + 1)]
    floats = [0, *(draw(st.sampled_from([0, size // 2, size])) for size in crossing[1:-1]), 0]
    work = workload(segments, crossing_bytes=tuple(crossing), float_bytes=tuple(floats))
    nodes = tuple(
        node(
            f"n{number}",
            *(draw(st.integers(1, 8)) / 200 for _ in range(segments)),
            memory=draw(st.sampled_from([12, 22, 100])) * MB,
            send_bytes_s=draw(st.sampled_from([1e6, 5e6, 1e9])),
            receive_bytes_s=draw(st.sampled_from([1e6, 5e6, 1e9])),
        )
        for number in range(draw(st.integers(2, 3)))
    )
    return Problem(workload=work, nodes=nodes, wire=draw(st.sampled_from(Precision)))


@settings(max_examples=60)
@given(chains(), st.sampled_from([Objective.THROUGHPUT, Objective.LATENCY]))
def test_what_is_coded_gains_by_it_and_each_hop_that_is_needs_it(given_problem: Problem, objective: Objective) -> None:
    try:
        plan = make_plan(given_problem, objective)
    except NoPlanError:
        return  # small nodes may not hold the model between them
    floats = dict(zip(given_problem.workload.cuts, given_problem.workload.float_bytes, strict=True))
    for option in plan.alternatives:
        assert evaluate(given_problem, option.pipelines) == option.prediction
        for stage in itertools.chain(*option.pipelines):
            assert stage.wire is Precision.EXACT or floats[stage.end]
        if option.wire is Precision.EXACT:
            continue
        kind = find(plan, option.name.removesuffix(f" {option.wire}"))
        if kind is not None:
            mine, theirs = (measure(objective, each.prediction) for each in (option, kind))
            assert mine >= theirs * 1.1 - 1e-9 if objective is Objective.THROUGHPUT else theirs >= mine * 1.1 - 1e-9


def test_a_running_plan_is_valued_in_the_precision_in_which_it_sends() -> None:
    slow = problem(send_bytes_s=2e6)
    exact, coded = (
        evaluate(slow, [(Stage(0, 10, ("a",), wire), Stage(10, 20, ("b",)))])
        for wire in (Precision.EXACT, Precision.INT8)
    )
    assert exact is not None
    assert coded is not None
    assert exact.throughput_s == pytest.approx(1 / 0.05)
    assert coded.throughput_s > 3 * exact.throughput_s
    assert coded.traffic_bytes == exact.traffic_bytes - 75_000


def test_a_quarter_and_a_half_of_the_floats_are_what_is_left() -> None:
    work = workload(2, crossing_bytes=(60_000, 100_000, 4_000), float_bytes=(0, 80_000, 0))
    assert code(work, {10: Precision.F16}).crossing_bytes == (60_000, 60_000, 4_000)
    assert code(work, {10: Precision.INT8}).crossing_bytes == (60_000, 40_000, 4_000)
    assert code(work, {}).crossing_bytes == work.crossing_bytes
