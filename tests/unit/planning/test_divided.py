"""What dividing the picture should give, from the same facts as all other plans."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning import Node, Objective, Problem, make_plan
from controller.planning.divided import Front, choose_divided, sort_nodes
from controller.plans.proposal import describe_divided, insert_tiles
from tests.unit.planning.test_planning import MB, node, workload

HALVES = Front(grid=(2, 1), at=10, shares=(0.55, 0.55), bytes_out=(50_000, 50_000))
WORK = workload(2, crossing_bytes=(60_000, 100_000, 4_000))
TINY: dict[str, Any] = {"receive_bytes_s": 1e9, "send_bytes_s": 1e9}


def problem(*nodes: Node) -> Problem:
    return Problem(workload=WORK, nodes=nodes)


def test_a_frame_waits_for_the_slower_half_and_then_for_the_rest() -> None:
    two = problem(node("slow", 0.4, 0.1, **TINY), node("fast", 0.2, 0.1, **TINY))
    found = choose_divided(two, [HALVES])
    assert found is not None
    assert [stage.nodes for stage in found.option.pipelines[0]] == [("fast",), ("slow",), ("fast",)]
    assert found.option.prediction.latency_s == pytest.approx(0.4 * 0.55 + 0.1, abs=0.001)
    assert found.option.prediction.traffic_bytes == 2 * 60_000 + 50_000 + 4_000  # one half stays where it is


def test_all_that_a_part_and_the_rest_do_besides_is_counted() -> None:
    costs: dict[str, Any] = {
        "frame_s": 0.01, "result_s": 0.002, "stage_s": 0.003, "hop_s": 0.001, "latency_s": 0.004,
        "receive_bytes_s": 1e6, "send_bytes_s": 2e6, "receive_cpu_s": 1e-8, "send_cpu_s": 2e-8,
    }  # fmt: skip
    three = problem(*(node(name, 0.2, 0.1, **costs) for name in "abc"))
    found = choose_divided(three, [HALVES])
    assert found is not None
    part = 0.01 + 0.003 + 0.001 + 60_000e-8 + 0.11 + 50_000 * 2e-8
    travel = 60_000 / 1e6 + 50_000 / 2e6 + 2 * 0.004
    rest = 0.002 + 0.003 + 0.1 + 100_000e-8 + 0.001
    last = 100_000 / 1e6 + 4_000 / 2e6 + 2 * 0.004
    assert found.option.prediction.latency_s == pytest.approx(part + travel + rest + last)
    assert found.option.pipelines[0][-1].nodes == ("c",)
    assert describe_divided(three, found).stage_seconds == (
        ((pytest.approx(part),), (pytest.approx(part),), (pytest.approx(rest),)),
    )


def test_the_cut_at_which_a_frame_is_done_soonest_is_chosen() -> None:
    three = Problem(
        workload=workload(3, crossing_bytes=(60_000, 100_000, 100_000, 4_000)),
        nodes=tuple(node(name, 0.1, 0.1, 0.1, **TINY) for name in "ab"),
    )
    early, late = replace(HALVES, shares=(0.5, 0.5)), replace(HALVES, at=20, shares=(0.9, 0.9))
    found = choose_divided(three, [early, late])
    assert found is not None
    assert found.front == early


@pytest.mark.parametrize(
    "bad",
    [
        (node("a", 0.1, 0.1), ),
        (node("a", 0.1, 0.1), node("b", 0.1, math.inf)),
        (node("a", 0.1, 0.1), node("b", 0.1, 0.1, whole_only=True)),
        (node("a", 0.1, 0.1, memory=20 * MB), node("b", 0.1, 0.1, memory=20 * MB)),
    ],
    ids=["one node", "an operator missing", "another file", "no room for the whole model beside"],
)  # fmt: skip
def test_what_cannot_be_divided_over_the_nodes_is_no_option(bad: tuple[Node, ...]) -> None:
    assert choose_divided(problem(*bad), [HALVES]) is None


def test_a_cut_that_was_not_timed_is_no_option() -> None:
    assert choose_divided(problem(node("a", 0.1, 0.1), node("b", 0.1, 0.1)), [replace(HALVES, at=7)]) is None


def test_tiles_come_first_for_latency_by_the_margin_or_when_asked_for_and_never_for_throughput() -> None:
    nodes = [node(name, 0.4, 0.02, **TINY) for name in "ab"]
    for objective, first in ((Objective.LATENCY, True), (Objective.THROUGHPUT, False)):
        plan = make_plan(problem(*nodes), objective)
        found = choose_divided(problem(*nodes), [HALVES])
        assert found is not None
        options, reason = insert_tiles(plan, found.option, asked=False)
        assert (options[0] is found.option) == first
        assert bool(reason) == first
        assert insert_tiles(plan, found.option, asked=True)[0][0] is found.option
    dear = replace(HALVES, shares=(0.95, 0.95))
    found = choose_divided(problem(*nodes), [dear])
    assert found is not None
    options, reason = insert_tiles(make_plan(problem(*nodes), Objective.LATENCY), found.option, asked=False)
    assert found.option in options[1:]
    assert reason == ""


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5), st.floats(0.3, 1), st.floats(0.3, 1))
def test_more_work_never_has_a_frame_done_sooner(seconds: list[float], less: float, more: float) -> None:
    nodes = [node(f"n{place}", each, each, **TINY) for place, each in enumerate(seconds)]
    latencies = []
    for share in sorted((less, more)):
        found = choose_divided(problem(*nodes), [replace(HALVES, shares=(share, share))])
        assert found is not None
        latencies.append(found.option.prediction.latency_s)
    assert latencies == sorted(latencies)
    ordered = [each.own_seconds(0, 2) for each in sort_nodes(problem(*nodes))]
    assert ordered == sorted(ordered)
