"""Traces sent to a receiver that speaks the real protocol: OTLP protobuf over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from controller.tracing.otlp import MAX_ADOPTED, OtlpTracer
from tests.tracing_testing.receiver import Receiver
from wire.errors import ErrorBody, ErrorCode
from wire.messages import Result, Timings
from wire.trace import parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def make_result(frame: str = "0193c0ffee", **changes: Any) -> Result:
    timings = Timings(wait_ms=10, infer_ms=50, total_ms=100)
    return Result(**{
        "frame": frame, "camera": "door", "model": "ssd", "captured_at": 999.8, "timings": timings, "nodes": ("pi-1",),
        **changes,
    })  # fmt: skip


def make_tracer(receiver: Receiver, ratio: float = 1.0) -> OtlpTracer:
    return OtlpTracer(receiver.endpoint, ratio=ratio, controller="main", version="1.0")


def test_a_frame_arrives_as_one_trace_that_its_id_leads_to(receiver: Receiver) -> None:
    tracer = make_tracer(receiver)
    header = parse_traceparent(tracer.header("0193c0ffee", "ssd"))
    tracer.note(make_result(), 1000.0)
    tracer.close()

    found = receiver.spans()
    assert header is not None
    assert {span.trace_id.hex() for _, span in found} == {header.trace_id}
    assert [span.name for _, span in found] == ["frame ssd", "capture", "wait", "stage 0", "infer"]
    assert {resource["service.name"] for resource, _ in found} == {"bramble-controller"}
    assert {resource["service.instance.id"] for resource, _ in found} == {"main"}
    root = found[0][1]
    assert (root.span_id.hex(), root.parent_span_id) == (header.span_id, b"")
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (999_800_000_000, 1_000_000_000_000)
    parents = {span.name: span.parent_span_id for _, span in found}
    stage = found[3][1]
    assert parents["wait"] == parents["stage 0"] == root.span_id
    assert parents["infer"] == stage.span_id
    assert len({span.span_id for _, span in found}) == len(found)


def test_an_askers_trace_is_gone_on_with(receiver: Receiver) -> None:
    tracer = make_tracer(receiver, ratio=0.0)
    tracer.adopt("f", f"00-{TRACE}-{SPAN}-01")
    assert tracer.trace_id("f", "ssd") == TRACE
    tracer.note(make_result("f"), 1000.0)
    tracer.close()

    root = receiver.spans()[0][1]
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, SPAN)


def test_an_asker_who_does_not_sample_is_not_traced_but_handed_on(receiver: Receiver) -> None:
    tracer = make_tracer(receiver)
    tracer.adopt("f", f"00-{TRACE}-{SPAN}-00")
    header = parse_traceparent(tracer.header("f", "ssd"))
    tracer.note(make_result("f"), 1000.0)
    tracer.close()

    assert header is not None
    assert (header.trace_id, header.sampled) == (TRACE, False)
    assert tracer.trace_id("other", "ssd") is not None
    assert receiver.spans() == []


def test_a_failure_says_so(receiver: Receiver) -> None:
    tracer = make_tracer(receiver)
    error = ErrorBody(code=ErrorCode.DEADLINE_EXCEEDED, message="too late")
    tracer.note(make_result(error=error), 1000.0)
    tracer.close()

    root = receiver.spans()[0][1]
    assert (root.status.code, root.status.message) == (2, "too late")


def test_the_memory_of_askers_is_bounded(receiver: Receiver) -> None:
    tracer = make_tracer(receiver, ratio=0.0)
    for number in range(MAX_ADOPTED + 1):
        tracer.adopt(f"f{number}", f"00-{TRACE}-{SPAN}-01")

    assert tracer.trace_id("f0", "ssd") is None
    assert tracer.trace_id("f1", "ssd") == TRACE
    tracer.close()


def test_a_controller_without_tracing_loads_nothing_of_it() -> None:
    check = "import sys, controller.__main__; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"

    done = subprocess.run([sys.executable, "-c", check], check=False, timeout=60)

    assert done.returncode == 0
