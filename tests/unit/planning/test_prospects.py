"""What a change of plan would bring, and which layout serves meanwhile."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from controller.planning import Node, Objective, Problem, Stage, Workload
from controller.planning.divided import Front
from controller.planning.replanning import GAIN
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


HALVES = Front(grid=(2, 1), at=10, shares=(0.55, 0.55), bytes_out=(500, 500))


def tiles(*parts: str, rest: str, at: int = 10, asked: bool = True) -> ModelPlan:
    pieces = (*(stage(0, at, part) for part in parts), stage(at, 20, rest))
    made = plan(replace(layout(pieces, name="tiles"), grid=(len(parts), 1)))
    return replace(made, request=replace(made.request, objective="latency", grid=(len(parts), 1) if asked else None))


def test_parts_whose_nodes_are_there_stay_where_they_are() -> None:
    found = look_ahead(tiles("a", "b", rest="c"), survey_of("a", "b", "c"), [HALVES])
    assert found.gain == pytest.approx(0)
    assert found.best.grid == (2, 1)


def test_a_part_that_lost_its_node_gets_another_where_there_is_one() -> None:
    found = look_ahead(tiles("gone", "b", rest="c"), survey_of("b", "c"), [HALVES])
    assert found.gain is None
    assert found.best.grid == (2, 1)
    assert {name for each in found.best.pipelines[0] for name in each.nodes} == {"b", "c"}


def test_where_nodes_are_too_few_for_the_parts_that_were_asked_for_the_model_stays_whole_until_there_are_enough() -> (
    None
):
    asked = tiles("a", "gone", rest="a")
    found = look_ahead(asked, survey_of("a"), [HALVES])
    assert found.gain is None
    assert found.best.grid is None
    whole = replace(replicas("a"), request=asked.request)
    found = look_ahead(whole, survey_of("a", "b"), [HALVES])
    assert found.best.grid == (2, 1)
    assert found.gain is not None
    assert found.gain >= GAIN


def test_parts_that_nobody_asked_for_give_way_to_something_better() -> None:
    slow = Front(HALVES.grid, HALVES.at, shares=(1.0, 1.0), bytes_out=(900_000, 900_000))
    found = look_ahead(tiles("a", "b", rest="c", asked=False), survey_of("a", "b", "c"), [slow])
    assert found.best.grid is None
    assert found.gain is not None
    assert found.gain > 0


def test_parts_at_a_cut_that_was_never_timed_stay_while_their_nodes_are_there() -> None:
    odd = tiles("a", "b", rest="c", at=13)
    assert look_ahead(odd, survey_of("a", "b", "c")).gain == 0
    assert look_ahead(odd, survey_of("a", "b")).gain is None


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
