"""What a change of plan would bring, and which layout serves meanwhile."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from controller.planning import Node, Objective, Problem, Stage, Workload
from controller.planning.survey import Survey
from controller.plans.keeper import describe, find_serving
from controller.plans.prospect import adds_only, compare, look_ahead
from tests.unit.controller.test_plan_placement import HYBRID, MANIFEST, PIPELINE, layout, plan, stage
from wire.plans import AUTOMATIC, ModelPlan

WORK = Workload(
    model="net", cuts=(0, 10, 20), crossing_bytes=(1000, 1000, 100), weight_bytes=(1, 1), arena_bytes=(0, 0)
)


def survey_of(*names: str, seconds: float = 0.1) -> Survey:
    nodes = tuple(Node(name=name, memory_bytes=10, seconds=(seconds, seconds)) for name in names)
    return Survey(Problem(workload=WORK, nodes=nodes), (), ())


def replicas(*nodes: str) -> ModelPlan:
    return plan(layout((stage(0, 20, *nodes),), name="replicas"))


def test_a_plan_that_is_still_the_best_gains_nothing() -> None:
    found = look_ahead(replicas("a", "b"), survey_of("a", "b"))
    assert found.gain == pytest.approx(0)
    assert found.only_adds


def test_a_node_that_joined_is_an_addition() -> None:
    found = look_ahead(replicas("a", "b"), survey_of("a", "b", "c"))
    assert found.gain == pytest.approx(0.5)
    assert found.only_adds


def test_a_pipeline_without_one_of_its_stages_cannot_run() -> None:
    found = look_ahead(plan(PIPELINE), survey_of("a", "b"))
    assert found.gain is None
    assert found.best.name == "replicas"


def test_a_prospect_holds_until_something_changes_that_matters() -> None:
    running = replicas("a", "b")
    found = look_ahead(running, survey_of("a", "b"))
    assert found.still_holds(running.layout, survey_of("a", "b", seconds=0.101).problem)
    assert not found.still_holds(running.layout, survey_of("a", "b", seconds=0.2).problem)
    assert not found.still_holds(running.layout, survey_of("a").problem)
    assert not found.still_holds(PIPELINE, survey_of("a", "b").problem)


def test_better_is_more_frames_and_less_of_anything_else() -> None:
    assert compare(Objective.THROUGHPUT, 30, 20) == pytest.approx(0.5)
    assert compare(Objective.LATENCY, 0.1, 0.15) == pytest.approx(0.5)
    assert compare(Objective.MEMORY, 20, 10) == pytest.approx(-0.5)


def test_other_cuts_and_nodes_that_move_are_no_additions() -> None:
    one = [[Stage(0, 10, ("a",)), Stage(10, 20, ("b",))]]
    assert adds_only(one, [[Stage(0, 10, ("a", "c")), Stage(10, 20, ("b",))]])
    assert not adds_only(one, [[Stage(0, 10, ("b",)), Stage(10, 20, ("a",))]])
    assert not adds_only(one, [[Stage(0, 15, ("a",)), Stage(15, 20, ("b",))]])
    assert not adds_only(one, [[Stage(0, 20, ("a", "b"))]])


def test_until_a_plan_is_in_force_the_one_before_serves() -> None:
    assert find_serving(None, MANIFEST) is None
    assert find_serving(plan(PIPELINE), MANIFEST) == PIPELINE
    assert find_serving(plan(HYBRID, settled=False, previous=PIPELINE), MANIFEST) == PIPELINE
    assert find_serving(plan(HYBRID, settled=False), MANIFEST) is None
    assert find_serving(plan(PIPELINE), replace(MANIFEST, version="2")) is None
    assert find_serving(plan(replace(PIPELINE, name=AUTOMATIC, pipelines=())), MANIFEST) is None


def test_a_layout_is_told_in_a_line() -> None:
    assert describe(PIPELINE) == "pipeline (0-10 on a, b > 10-20 on c)"
    assert describe(HYBRID) == "pipeline (0-20 on a + 0-5 on b > 5-20 on c)"
