"""From results to spans: whole, inside each other, in order, never longer than the frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.tracing.open import open_tracer
from controller.tracing.spans import PlannedSpan, plan_spans
from controller.tracing.tracer import NoTracer
from wire.errors import BadRequestError, ErrorBody, ErrorCode
from wire.messages import Result, StageTimings, Timings
from wire.tiles import TileReport

ENDED = 1_800_000_000.0


def make_result(timings: Timings, **changes: object) -> Result:
    fields: dict[str, object] = {"frame": "f", "camera": "door", "model": "ssd", "nodes": ("pi-1",)}
    return Result(captured_at=ENDED - 0.2, timings=timings, **{**fields, **changes})  # type: ignore[arg-type]  # a table's row


def test_a_frames_way_is_told_from_capture_to_result() -> None:
    timings = Timings(
        wait_ms=10, network_ms=20, queue_ms=5, decode_ms=10, infer_ms=50, postprocess_ms=5, total_ms=100
    )  # fmt: skip

    spans = plan_spans(make_result(timings), ENDED)

    shown = [(s.name, round(s.start - ENDED, 3), round(s.end - ENDED, 3), s.parent) for s in spans]
    assert shown == [
        ("frame ssd", -0.2, 0.0, None),
        ("capture", -0.2, -0.1, 0),
        ("wait", -0.1, -0.09, 0),
        ("stage 0", -0.08, -0.01, 0),
        ("queue", -0.08, -0.075, 3),
        ("decode", -0.075, -0.065, 3),
        ("infer", -0.065, -0.015, 3),
        ("postprocess", -0.015, -0.01, 3),
    ]
    assert spans[0].attributes == {"bramble.frame": "f", "bramble.camera": "door", "bramble.model": "ssd"}
    assert spans[3].attributes == {"bramble.node": "pi-1", "bramble.stage": 0}


def test_every_stage_of_a_pipeline_has_its_node() -> None:
    stages = (StageTimings(node="a", infer_ms=10, sent_bytes=100), StageTimings(node="b", infer_ms=20))
    result = make_result(Timings(infer_ms=30, total_ms=60), nodes=("a", "b"), stages=stages)

    spans = [s for s in plan_spans(result, ENDED) if s.name.startswith("stage")]

    assert [(s.attributes["bramble.node"], s.attributes.get("bramble.sent_bytes")) for s in spans] == [
        ("a", 100),
        ("b", None),
    ]
    assert spans[0].end < spans[1].start
    assert spans[1].end - spans[1].start == pytest.approx(0.02)


def test_tiles_lie_side_by_side_and_what_makes_them_one_comes_last() -> None:
    tiles = (
        TileReport(region=(0, 0, 320, 180), node="a", digest="0" * 64, found=1, busy_ms=40.0),
        TileReport(region=(320, 0, 640, 180), node="b", digest="0" * 64, found=0, busy_ms=60.0),
    )
    result = make_result(Timings(wait_ms=10, infer_ms=60, merge_ms=5, total_ms=100), nodes=("a", "b"), tiles=tiles)

    spans = plan_spans(result, ENDED)[3:]

    shown = [(s.name, round(s.start - ENDED, 4), round(s.end - ENDED, 4), s.parent) for s in spans]
    assert shown == [("tile 0", -0.0675, -0.0275, 0), ("tile 1", -0.0775, -0.0175, 0), ("merge", -0.005, 0.0, 0)]
    assert [s.attributes.get("bramble.node") for s in spans] == ["a", "b", None]
    assert spans[0].attributes["bramble.tile"] == "0,0,320,180"


def test_a_failure_is_the_frame_and_its_wait_with_the_reason() -> None:
    error = ErrorBody(code=ErrorCode.NO_CAPACITY, message="no node")

    spans = plan_spans(make_result(Timings(total_ms=200), error=error, nodes=()), ENDED)

    assert [s.name for s in spans] == ["frame ssd"]
    assert spans[0].attributes["error.type"] == "no_capacity"


MS = st.floats(0, 1000)


@given(st.lists(st.tuples(MS, MS, MS), min_size=1, max_size=5), MS, MS)
def test_spans_lie_within_their_parents_and_never_end_before_they_begin(
    stages: list[tuple[float, float, float]], wait: float, around: float
) -> None:
    told = tuple(StageTimings(node="n", queue_ms=q, decode_ms=d, infer_ms=i) for q, d, i in stages)
    total = wait + around + sum(sum(each) for each in stages)
    result = make_result(Timings(wait_ms=wait, total_ms=total), stages=told)

    spans = plan_spans(result, ENDED)

    def lies_within(inner: PlannedSpan, outer: PlannedSpan) -> bool:
        return outer.start - 1e-5 <= inner.start <= inner.end <= outer.end + 1e-5

    assert [s.parent for s in spans].count(None) == 1
    for number, span in enumerate(spans):
        if span.parent is not None:
            assert span.parent < number
            assert lies_within(span, spans[span.parent])


def test_tracing_is_off_unless_asked_for_and_wants_a_web_address() -> None:
    assert isinstance(open_tracer("", ratio=1.0, controller="c", version="1"), NoTracer)
    with pytest.raises(BadRequestError, match="no OTLP/HTTP address"):
        open_tracer("collector:4317", ratio=1.0, controller="c", version="1")


def test_a_collectors_password_is_not_taken_from_an_argument_that_everybody_can_read() -> None:
    with pytest.raises(BadRequestError, match="holds a password") as caught:
        open_tracer("https://user:T0P-S3CRET@collector/v1/traces", ratio=1.0, controller="c", version="1")

    assert "S3CRET" not in f"{caught.value} {caught.value.remedy}"
