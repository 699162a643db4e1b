"""The planner against brute force, against its own bounds, and on clusters whose answer is known."""

from __future__ import annotations

import math
import time
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.planning import (
    Node,
    NoPlanError,
    Objective,
    Pin,
    Plan,
    Problem,
    Workload,
    differences,
    make_plan,
)
from controller.planning import plan as planner
from tests.unit.planning.brute_force import broken_rules, least_bytes, least_seconds, most_frames
from wire.errors import BadRequestError

MB = 1_000_000


def workload(segments: int = 3, **fields: Any) -> Workload:
    values: dict[str, Any] = {
        "model": "net",
        "cuts": tuple(10 * cut for cut in range(segments + 1)),
        "crossing_bytes": (60_000, *(100_000,) * (segments - 1), 4_000),
        "weight_bytes": (10 * MB,) * segments,
        "arena_bytes": (1 * MB,) * segments,
    }
    return Workload(**(values | fields))


def node(name: str, *seconds: float, memory: int = 100 * MB, **fields: Any) -> Node:
    return Node(name=name, memory_bytes=memory, seconds=seconds, **fields)


@st.composite
def problems(draw: st.DrawFn, most_nodes: int = 3, most_segments: int = 3) -> Problem:
    segments = draw(st.integers(1, most_segments))
    sizes = st.integers(0, 5)
    work = workload(
        segments,
        crossing_bytes=tuple(draw(st.lists(sizes, min_size=segments + 1, max_size=segments + 1))),
        weight_bytes=tuple(draw(st.lists(sizes, min_size=segments, max_size=segments))),
        arena_bytes=tuple(draw(st.lists(sizes, min_size=segments, max_size=segments))),
    )
    times = st.one_of(st.integers(1, 8).map(lambda value: value / 8), st.just(math.inf), st.just(0.0))
    nodes = tuple(
        Node(
            name=f"n{number}",
            memory_bytes=draw(st.integers(3, 25)),
            seconds=tuple(draw(st.lists(times, min_size=segments, max_size=segments))),
            receive_bytes_s=draw(st.sampled_from([2.0, 10.0, 1e9])),
            send_bytes_s=draw(st.sampled_from([2.0, 10.0, 1e9])),
            latency_s=draw(st.sampled_from([0.0, 0.1])),
            frame_s=draw(st.sampled_from([0.0, 0.5])),
            result_s=draw(st.sampled_from([0.0, 0.25])),
            stage_s=draw(st.sampled_from([0.0, 0.125])),
            hop_s=draw(st.sampled_from([0.0, 0.0625])),
            receive_cpu_s=draw(st.sampled_from([0.0, 0.0625])),
            send_cpu_s=draw(st.sampled_from([0.0, 0.03125])),
            overlaps=draw(st.booleans()),
            whole_only=draw(st.sampled_from([False, False, False, True])),
        )
        for number in range(draw(st.integers(1, most_nodes)))
    )
    names = st.frozensets(st.sampled_from([each.name for each in nodes]), min_size=1)
    pins = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(6, 30), names), max_size=1))
    return Problem(
        workload=work,
        nodes=nodes,
        max_payload=draw(st.integers(5, 6)),
        pins=tuple(Pin(*pin) for pin in pins),
        stages=draw(st.sampled_from([None, None, 1, 2, 3])),
    )


def attempt(problem: Problem, objective: Objective) -> Plan | None:
    try:
        return make_plan(problem, objective, margin=0)
    except NoPlanError:
        return None


def value(plan: Plan) -> float:
    prediction = plan.chosen.prediction
    match plan.objective:
        case Objective.THROUGHPUT:
            return prediction.throughput_s
        case Objective.LATENCY:
            return prediction.worst_latency_s
        case Objective.MEMORY:
            return prediction.memory_bytes


@settings(max_examples=150)
@given(problems())
def test_no_layout_of_a_small_cluster_gives_more_frames_than_the_plan(problem: Problem) -> None:
    plan, best = attempt(problem, Objective.THROUGHPUT), most_frames(problem)
    if plan is None:
        assert best == 0
    else:
        assert plan.exact
        assert value(plan) == pytest.approx(best)
        assert value(plan) == plan.bound if problem.stages is None else value(plan) <= plan.bound * (1 + 1e-9)
        assert broken_rules(problem, plan.chosen.pipelines) == []


@settings(max_examples=150)
@given(problems(most_nodes=4, most_segments=4))
def test_no_layout_of_a_small_cluster_is_quicker_or_smaller_than_the_plan(problem: Problem) -> None:
    for objective, best in ((Objective.LATENCY, least_seconds(problem)), (Objective.MEMORY, least_bytes(problem))):
        plan = attempt(problem, objective)
        assert (plan is None) == (best == math.inf)
        if plan is not None:
            assert value(plan) == pytest.approx(best)
            assert broken_rules(problem, plan.chosen.pipelines) == []


@settings(max_examples=100)
@given(problems())
def test_the_heuristic_keeps_the_rules_and_the_optimum_lies_between_it_and_its_bound(problem: Problem) -> None:
    with patch.object(planner, "EXACT_NODES", dict.fromkeys(Objective, 0)):
        plans = {objective: attempt(problem, objective) for objective in Objective}
    best = {
        Objective.THROUGHPUT: most_frames(problem),
        Objective.LATENCY: least_seconds(problem),
        Objective.MEMORY: least_bytes(problem),
    }
    for objective, plan in plans.items():
        if plan is None:
            continue
        assert not plan.exact
        assert broken_rules(problem, plan.chosen.pipelines) == []
        low, high = sorted((value(plan), plan.bound))
        assert low - 1e-9 <= best[objective] <= high * (1 + 1e-9)
        assert (value(plan) <= plan.bound * (1 + 1e-9)) == (objective is Objective.THROUGHPUT) or math.isclose(
            low, high
        )


@settings(max_examples=100)
@given(problems())
def test_every_alternative_keeps_the_rules_and_none_is_better(problem: Problem) -> None:
    for objective in Objective:
        plan = attempt(problem, objective)
        for option in plan.alternatives if plan else ():
            assert broken_rules(problem, option.pipelines) == []
            if objective is Objective.THROUGHPUT:
                assert plan is not None
                assert option.prediction.throughput_s <= plan.chosen.prediction.throughput_s * (1 + 1e-8)  # ties


def test_nodes_that_hold_the_whole_model_run_it_whole() -> None:
    problem = Problem(workload=workload(), nodes=(node("a", 0.1, 0.1, 0.1), node("b", 0.1, 0.1, 0.2)))
    plan = make_plan(problem)
    assert plan.chosen.name == "replicas"
    assert [stage.nodes for stage in plan.chosen.pipelines[0]] == [("a", "b")]
    assert plan.chosen.prediction.throughput_s == pytest.approx(1 / 0.3 + 1 / 0.4)
    assert plan.chosen.prediction.traffic_bytes == 64_000
    assert plan.reason.startswith("the whole model on every node that holds it gives 5.83 frames a second; a pipeline")


def test_nodes_that_are_too_small_share_the_model_in_a_pipeline() -> None:
    small = tuple(node(name, 0.1, 0.1, 0.1, memory=21 * MB) for name in ("a", "b", "c"))
    plan = make_plan(Problem(workload=workload(), nodes=small))
    assert plan.chosen.name == "pipeline"
    assert plan.chosen.prediction.throughput_s == pytest.approx(10)
    assert plan.reason.endswith("nothing else is possible, since a and 2 more cannot hold the whole model")


def test_a_plan_of_so_many_stages_as_were_asked_for_says_so() -> None:
    problem = Problem(workload=workload(), nodes=(node("a", 0.1, 0.1, 0.1), node("b", 0.1, 0.1, 0.2)), stages=2)
    plan = make_plan(problem)
    assert plan.reason.endswith("frames a second; it is the best one of 2 stages, and no others were asked for")


def test_the_slowest_stage_gets_the_most_nodes() -> None:
    times = (0.1, 0.3)
    small = tuple(node(f"n{number}", *times, memory=11 * MB) for number in range(4))
    (stages,) = make_plan(Problem(workload=workload(2), nodes=small)).chosen.pipelines
    assert [len(stage.nodes) for stage in stages] == [1, 3]


def test_large_nodes_run_whole_models_beside_a_pipeline_of_small_ones() -> None:
    nodes = (
        node("large", 0.02, 0.02, 0.02),
        node("small-1", 0.1, 0.1, 0.1, memory=21 * MB),
        node("small-2", 0.1, 0.1, 0.1, memory=21 * MB),
    )
    plan = make_plan(Problem(workload=workload(), nodes=nodes))
    assert plan.chosen.name == "hybrid"
    assert plan.chosen.prediction.throughput_s == pytest.approx(1 / 0.06 + 1 / 0.2)
    assert [option.name for option in plan.alternatives] == ["hybrid", "pipeline", "one node"]


def test_a_thin_link_moves_the_cut_to_where_less_crosses() -> None:
    work = workload(3, crossing_bytes=(1000, 500_000, 5_000, 100), weight_bytes=(10 * MB, 10 * MB, 10 * MB))
    nodes = tuple(node(name, 0.1, 0.1, 0.1, memory=21 * MB, send_bytes_s=1e6, receive_bytes_s=1e6) for name in "ab")
    (stages,) = make_plan(Problem(workload=work, nodes=nodes)).chosen.pipelines
    assert [(stage.start, stage.end) for stage in stages] == [(0, 20), (20, 30)]


def test_a_split_only_pays_for_one_frame_where_nodes_are_good_at_different_parts() -> None:
    alike = Problem(workload=workload(), nodes=(node("a", 0.1, 0.1, 0.1), node("b", 0.2, 0.2, 0.2)))
    assert make_plan(alike, Objective.LATENCY).chosen.name == "one node"
    unlike = Problem(workload=workload(), nodes=(node("a", 0.01, 0.5, 0.5), node("b", 0.5, 0.01, 0.01)))
    plan = make_plan(unlike, Objective.LATENCY)
    assert [stage.nodes for stage in plan.chosen.pipelines[0]] == [("a",), ("b",)]
    transfers = (60_000 + 2 * 100_000 + 4_000) / 1e8
    assert plan.chosen.prediction.worst_latency_s == pytest.approx(0.03 + transfers)


def test_the_least_memory_comes_of_as_many_stages_as_there_are_nodes() -> None:
    nodes = tuple(node(name, 0.1, 0.1, 0.1) for name in "abc")
    plan = make_plan(Problem(workload=workload(), nodes=nodes), Objective.MEMORY)
    assert plan.chosen.prediction.memory_bytes == 11 * MB
    assert len(plan.chosen.pipelines[0]) == 3


def test_pinned_operators_stay_where_they_must() -> None:
    nodes = tuple(node(name, 0.1, 0.1, 0.1) for name in "ab")
    problem = Problem(workload=workload(), nodes=nodes, pins=(Pin(0, 5, frozenset("b")),))
    plan = make_plan(problem)
    assert all(pipeline[0].nodes == ("b",) for pipeline in plan.chosen.pipelines)


def test_cuts_that_exceed_the_payload_are_not_used() -> None:
    work = workload(3, crossing_bytes=(1000, 9 * MB, 1000, 1000))
    small = tuple(node(name, 0.1, 0.1, 0.1, memory=21 * MB) for name in "ab")
    (stages,) = make_plan(Problem(workload=work, nodes=small)).chosen.pipelines
    assert stages[0].end == 20
    with pytest.raises(NoPlanError, match="a frame of 9000000 bytes"):
        make_plan(Problem(workload=workload(2, crossing_bytes=(9 * MB, 1, 1)), nodes=(node("a", 0.1, 0.1),)))


def test_what_cannot_run_anywhere_is_named() -> None:
    problem = Problem(workload=workload(), nodes=(node("a", 0.1, math.inf, 0.1),))
    with pytest.raises(NoPlanError, match="operators 10 to 20") as caught:
        make_plan(problem)
    assert caught.value.remedy
    small = Problem(workload=workload(), nodes=(node("a", 0.1, 0.1, 0.1, memory=12 * MB),))
    with pytest.raises(NoPlanError, match="not all of them at once"):
        make_plan(small)


@pytest.mark.parametrize(
    "fields",
    [
        {"cuts": (0, 20, 10, 30)}, {"cuts": (5, 10, 20, 30)}, {"crossing_bytes": (1, 2)}, {"weight_bytes": (1,)},
        {"arena_bytes": (-1, 0, 0)},
    ],
)  # fmt: skip
def test_a_workload_that_contradicts_itself_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        workload(3, **fields)


@pytest.mark.parametrize("fields", [{"send_bytes_s": 0.0}, {"latency_s": -1.0}, {"latency_s": math.inf}])
def test_a_node_that_cannot_have_been_measured_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        node("a", 0.1, **fields)
    with pytest.raises(BadRequestError):
        node("a", math.nan)
    with pytest.raises(BadRequestError, match="the same name"):
        Problem(workload=workload(1), nodes=(node("a", 1.0), node("a", 1.0)))


def test_segments_take_the_differences_of_prefixes() -> None:
    assert differences((0, 1, 0.5, 2)) == (1, 0, 1.5)


def make_large_cluster(count: int, *, hold: float) -> Problem:
    """Nodes of four speeds, of which a share of ``hold`` can keep the whole model."""
    random = np.random.default_rng(5)
    segments = 40
    work = workload(segments, weight_bytes=tuple(int(size) for size in random.integers(MB // 10, 3 * MB, segments)))
    whole = sum(work.weight_bytes) + MB
    base = random.uniform(0.001, 0.01, segments)
    nodes = []
    for number in range(count):
        seconds = base * random.choice([1, 2, 4, 7]) * random.uniform(0.9, 1.1, segments)
        memory = whole if random.random() < hold else int(whole * random.uniform(0.3, 0.9))
        nodes.append(node(f"n{number}", *seconds, memory=memory))
    return Problem(workload=work, nodes=tuple(nodes))


@pytest.mark.parametrize("hold", [0.0, 0.3, 0.6])
def test_the_heuristic_comes_close_to_the_best_layout_of_eight_nodes(hold: float) -> None:
    problem = make_large_cluster(8, hold=hold)
    best = make_plan(problem).chosen.prediction.throughput_s
    with patch.object(planner, "EXACT_NODES", dict.fromkeys(Objective, 0)):
        assert make_plan(problem).chosen.prediction.throughput_s >= 0.95 * best


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("hold", [1.0, 0.5, 0.0])
def test_a_thousand_nodes_are_planned_within_five_seconds(hold: float, objective: Objective) -> None:
    problem = make_large_cluster(1000, hold=hold)
    begun = time.process_time()
    plan = make_plan(problem, objective)
    assert time.process_time() - begun < 5
    assert broken_rules(problem, plan.chosen.pipelines) == []
    if objective is Objective.THROUGHPUT:
        assert value(plan) >= 0.9 * plan.bound
    else:
        assert value(plan) <= 1.1 * plan.bound


@pytest.mark.parametrize(("count", "exact"), [(3, True), (8, True), (20, False)])
def test_a_cluster_of_pis_is_planned_within_three_seconds(count: int, exact: bool) -> None:  # noqa: FBT001 - a table
    problem = make_large_cluster(count, hold=0.4)
    begun = time.process_time()
    plan = make_plan(problem)
    assert time.process_time() - begun < 3
    assert plan.exact is exact
    assert value(plan) >= 0.9 * plan.bound
