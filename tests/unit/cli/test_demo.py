from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from cli.commands.demo import read_process_age
from cli.demo.state import DemoState
from cli.demo.summary import is_balanced, summarise, tabulate
from cli.demo.view import describe_progress, render
from cli.tables import align
from wire.cameras import CameraStatus
from wire.errors import ErrorBody, ErrorCode
from wire.messages import Counts, Detection, Result, ShardReport
from wire.status import ClusterStatus, ModelStatus, NodeStatus

PERSON = Detection(label="Person", index=0, score=0.9, box=(0.0, 0.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("counts", "balanced"),
    [
        (Counts(), True),
        (Counts(offered=7, inferred=3, gated=1, dropped={"superseded": 2}, failed={"bad_image": 1}), True),
        (Counts(offered=4, inferred=3, open=1), False),
        (Counts(offered=4, inferred=3), False),
    ],
)
def test_a_ledger_balances_when_every_frame_has_one_end(counts: Counts, balanced: bool) -> None:  # noqa: FBT001 - a table
    assert balanced is is_balanced(counts)


def test_the_first_good_result_is_timed_and_an_error_is_not_one(make_result: Callable[..., Result]) -> None:
    state = DemoState()
    state.take_result(make_result(error=ErrorBody(code=ErrorCode.NO_CAPACITY, message="full")), age_s=1.0)
    state.take_result(make_result(detections=(PERSON,)), age_s=2.0)
    state.take_result(make_result(detections=()), age_s=3.0)
    assert (state.first_result_s, state.results, dict(state.served)) == (2.0, 2, {"node-1": 2})


def test_the_screen_shows_state_nodes_cameras_results_and_notes(  # noqa: PLR0917 - fixtures
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_shard: Callable[..., ShardReport],
    make_camera: Callable[..., CameraStatus],
    make_model: Callable[..., ModelStatus],
    make_result: Callable[..., Result],
) -> None:
    node = make_node(temperature_c=60.0, shards=(make_shard(ewma_ms=9.0),))
    state = DemoState(
        status=make_status(nodes=(node,), cameras=(make_camera(last_frame_at=99.5),), models=(make_model(),))
    )
    state.take_result(make_result(detections=(PERSON,)), age_s=1.0)
    state.notes.append("node-2 was ended by SIGKILL")
    console = Console(file=io.StringIO(), width=120)
    console.print(render(state, elapsed_s=3.0, seconds=20.0))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for part in (
        "ok: 1/1 nodes live",
        "mobilenet_v2 9 ms",
        "60 °C",
        "door",
        "0.5 s",
        "1 Person",
        "SIGKILL",
        "3.0 s of 20.0 s",
    ):
        assert part in shown


def test_the_screen_is_there_before_the_first_status() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(render(DemoState(), elapsed_s=0.0, seconds=20.0))
    assert "waiting for the controller" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_progress_line_says_when_nothing_came_yet() -> None:
    assert describe_progress(DemoState(), elapsed_s=2.0) == "2 s: no result yet"


def test_the_summary_holds_the_ledger_and_the_rate(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_model: Callable[..., ModelStatus],
) -> None:
    counts = Counts(offered=50, inferred=40, dropped={"superseded": 10})
    status = make_status(counts=counts, nodes=(make_node(),), models=(make_model(),), latency_ms={"p50": 12.3456})
    summary = summarise(status, served={"node-1": 40}, first_result_s=None, seconds=8.0, pictures=())
    assert (
        summary.offered, summary.inferred, summary.gated, summary.dropped, summary.failed,
    ) == (50, 40, 0, {"superseded": 10}, {})  # fmt: skip
    assert (
        summary.fps, summary.latency_ms, summary.nodes, summary.models,
    ) == (5.0, {"p50": 12.35}, ("node-1",), ("mobilenet_v2",))  # fmt: skip
    lines = align(tabulate(summary))
    assert any(line.startswith("dropped") and line.endswith("10 (superseded 10)") for line in lines)
    assert any(line.startswith("first result") and line.endswith("none") for line in lines)


def test_the_age_of_a_process_grows_and_is_not_negative() -> None:
    first = read_process_age()
    assert 0 <= first <= read_process_age()
