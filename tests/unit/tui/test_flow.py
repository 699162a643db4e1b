"""How frames flow through stages, from what nodes say they served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui_testing.boards import AT, MODEL, healthy, make_node, make_status
from tests.tui_testing.plans import CUT, STAGE_MS, make_plan_state
from tests.tui_testing.scenes import RATE, in_a_pipeline
from tui.flow import Flow, ShardKey, measure_rate, take_sample, trace_flow
from tui.moment import Moment
from tui.rows.plans import FLOW_COLUMNS, PLAN_COLUMNS, flow_rows, judge_plan, plan_rows
from tui.severity import Severity, assess
from tui.state import Dashboard, fold
from tui.updates import StatusTaken
from wire.status import ClusterStatus

KEY: ShardKey = ("node-1", MODEL, CUT, 0)


def board_in_a_pipeline(*, settled: bool = True) -> Dashboard:
    board = Dashboard()
    for update in in_a_pipeline(settled=settled):
        board = fold(board, update, 0.0)
    return board


def trace(board: Dashboard, model: str = MODEL) -> Flow:
    assert board.status is not None
    return trace_flow(board.status, model, board.samples, board.results)


def test_each_stage_tells_its_rate_its_time_and_what_was_predicted() -> None:
    (pipeline,) = trace(board_in_a_pipeline()).pipelines
    assert [(stage.start, stage.end) for stage in pipeline.stages] == [(0, 24), (24, 48), (48, 70)]
    assert [stage.rate for stage in pipeline.stages] == pytest.approx([RATE] * 3, rel=0.05)
    assert [worker.predicted_ms for stage in pipeline.stages for worker in stage.workers] == pytest.approx(STAGE_MS)


def test_the_bottleneck_is_the_stage_that_can_do_least() -> None:
    (pipeline,) = trace(board_in_a_pipeline()).pipelines
    assert pipeline.bottleneck is pipeline.stages[1]
    assert pipeline.stages[1].limit == pytest.approx(1e3 / (STAGE_MS[1] * 1.1))


def test_links_are_measured_from_the_results() -> None:
    (pipeline,) = trace(board_in_a_pipeline()).pipelines
    assert [(stage.hop_bytes, stage.hop_ms) for stage in pipeline.stages] == [
        (None, None),
        (100_352, 3.1),
        (75_264, 2.4),
    ]


def test_the_whole_is_held_against_what_was_predicted() -> None:
    flow = trace(board_in_a_pipeline())
    assert flow.rate == pytest.approx(RATE, rel=0.05)
    assert (flow.predicted_rate, flow.predicted_ms, flow.latency_ms) == (32.0, 81.0, 92.0)


def test_a_model_without_a_plan_runs_whole_on_every_node() -> None:
    (pipeline,) = trace(fold_once(healthy())).pipelines
    (stage,) = pipeline.stages
    assert [worker.node for worker in stage.workers] == ["node-1", "node-2", "node-3"]
    assert (stage.start, stage.end, pipeline.bottleneck) == (0, 0, None)


def test_a_node_that_died_does_no_more_of_its_stage() -> None:
    status = make_status([make_node("node-1", "dead")], plans=(make_plan_state(MODEL, at=AT),))
    (pipeline,) = trace(fold_once(status)).pipelines
    assert not any(worker.ready for stage in pipeline.stages for worker in stage.workers)
    assert pipeline.bottleneck is None


def test_a_model_that_is_not_there_flows_nowhere() -> None:
    assert trace(fold_once(healthy()), "nothing").pipelines == ()


def test_the_rows_show_links_between_stages_and_mark_the_bottleneck() -> None:
    rows = flow_rows(trace(board_in_a_pipeline()))
    assert [row.cells[1].strip() for row in rows] == ["1", "↓", "2", "↓", "3"]
    assert {len(row.cells) for row in rows} == {len(FLOW_COLUMNS)}
    assert rows[1].cells[2:4] == ("98 KiB", "in 3.1 ms")
    assert [("bottleneck" in row.cells[-1]) for row in rows] == [False, False, True, False, False]


def test_a_plan_that_is_not_in_force_says_what_is_missing() -> None:
    board = board_in_a_pipeline(settled=False)
    assert board.status is not None
    (row,) = plan_rows(assess(board.status), lambda model: trace(board, model))
    assert len(row.cells) == len(PLAN_COLUMNS)
    assert (row.severity, row.cells[2], row.cells[4]) == (Severity.NOTE, "preparing", "stage 3 on node-3")


def test_no_plan_is_the_automatic_one() -> None:
    assert judge_plan(None).word == "automatic"


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 10**9)), max_size=8))
def test_a_rate_is_never_negative_and_never_made_of_one_moment(moments: list[tuple[float, int]]) -> None:
    rate = measure_rate([{KEY: moment} for moment in moments], KEY)
    assert rate is None or rate >= 0
    assert rate is None or len(moments) > 1


def test_an_agent_that_was_restarted_has_no_rate_until_it_counts_anew() -> None:
    assert measure_rate([{KEY: (AT, 500)}, {KEY: (AT + 1, 3)}], KEY) is None


def test_a_sample_names_every_shard_once() -> None:
    assert len(take_sample(healthy())) == 3


def test_a_moment_judges_only_once() -> None:
    moment = Moment(fold_once(healthy()), 1.0)
    assert moment.assessment is moment.assessment


def fold_once(status: ClusterStatus) -> Dashboard:
    return fold(Dashboard(), StatusTaken(status), 0.0)
