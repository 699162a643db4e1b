"""Who holds the whole model in reserve."""

from __future__ import annotations

from dataclasses import replace

from controller.planning import Objective, Pin, Problem, Stage
from controller.planning.spares import choose_spares
from tests.unit.planning.test_planning import MB, node, workload

CHAIN = ((Stage(0, 10, ("a",)), Stage(10, 20, ("b",))),)
PROBLEM = Problem(  # the whole model takes 21 MB, each half 11
    workload=workload(2), nodes=(node("a", 1, 1, memory=32 * MB), node("b", 1, 1, memory=31 * MB), node("c", 1, 1))
)


def spares(problem: Problem = PROBLEM, objective: Objective = Objective.THROUGHPUT) -> tuple[str, ...]:
    return choose_spares(problem, objective, CHAIN)


def test_nodes_with_room_for_the_whole_beside_their_stage_hold_it_and_so_do_those_without_a_stage() -> None:
    assert spares() == ("a", "c")


def test_where_every_stage_has_two_nodes_or_whole_models_serve_nothing_is_in_reserve() -> None:
    twice = ((Stage(0, 10, ("a", "b")), Stage(10, 20, ("c", "d"))),)
    assert choose_spares(PROBLEM, Objective.THROUGHPUT, twice) == ()
    assert choose_spares(PROBLEM, Objective.THROUGHPUT, (*CHAIN, (Stage(0, 20, ("c",)),))) == ()


def test_a_plan_that_saves_memory_keeps_nothing_in_reserve() -> None:
    assert spares(objective=Objective.MEMORY) == ()


def test_operators_that_are_pinned_elsewhere_are_not_held_in_reserve() -> None:
    assert spares(replace(PROBLEM, pins=(Pin(0, 1, frozenset({"a"})),))) == ("a",)


def test_a_node_that_runs_another_file_or_not_all_operators_is_no_reserve() -> None:
    other = node("c", 1, 1, whole_only=True)
    unable = node("a", 1, float("inf"), memory=32 * MB)
    assert spares(replace(PROBLEM, nodes=(unable, PROBLEM.nodes[1], other))) == ()
