"""Sends traces to a collector as OTLP over HTTP, from a thread of its own. Needs the extra ``traces``."""

from __future__ import annotations

from collections import OrderedDict

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from controller.tracing.spans import plan_spans
from wire.messages import Result
from wire.trace import TraceContext, derive_id, is_sampled, parse_traceparent

MAX_ADOPTED = 1024
"""Askers' traces remembered at a time; a frame forgotten gets a trace of its own."""
MAX_QUEUE = 4096
"""Spans that wait for the collector; beyond, the newest are dropped."""
BATCH_PERIOD_MS = 1000
EXPORT_MS = 5000

_NANO = 1_000_000_000


class OtlpTracer:
    """Follows a share of the frames; see :class:`controller.tracing.tracer.Tracer`."""

    def __init__(self, endpoint: str, *, ratio: float, controller: str, version: str) -> None:
        self._ratio = ratio
        self._adopted: OrderedDict[str, TraceContext] = OrderedDict()
        self._resource = Resource.create(
            {"service.name": "bramble-controller", "service.instance.id": controller, "service.version": version}
        )
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_MS / 1e3),
            max_queue_size=MAX_QUEUE,
            schedule_delay_millis=BATCH_PERIOD_MS,
            export_timeout_millis=EXPORT_MS,
        )

    def adopt(self, frame: str, traceparent: str | None) -> None:
        """Make a frame part of its asker's trace."""
        parent = parse_traceparent(traceparent)
        if parent is not None:
            self._adopted[frame] = parent
            while len(self._adopted) > MAX_ADOPTED:
                self._adopted.popitem(last=False)

    def header(self, frame: str, model: str) -> str | None:
        """Return the header for nodes."""
        return self._context(frame, model).to_header()

    def trace_id(self, frame: str, model: str) -> str | None:
        """Return the id of a trace that is kept."""
        context = self._context(frame, model)
        return context.trace_id if context.sampled else None

    def note(self, result: Result, ended: float) -> None:
        """Queue the frame's spans."""
        context = self._context(result.frame, result.model)
        parent = self._adopted.pop(result.frame, None)
        if not context.sampled:
            return
        ids = [context.span_id]
        for number, planned in enumerate(plan_spans(result, ended)):
            if number:
                ids.append(derive_id(f"{result.frame}/{result.model}/{number}", 16))
            above = None if planned.parent is None else _remote(context.trace_id, ids[planned.parent], is_remote=False)
            if planned.parent is None and parent is not None:
                above = _remote(parent.trace_id, parent.span_id, is_remote=True)
            failed = planned.parent is None and result.error is not None
            self._processor.on_end(
                ReadableSpan(
                    planned.name,
                    context=_remote(context.trace_id, ids[number], is_remote=False),
                    parent=above,
                    resource=self._resource,
                    attributes=planned.attributes,
                    kind=SpanKind.SERVER if planned.parent is None else SpanKind.INTERNAL,
                    status=Status(StatusCode.ERROR, result.error.message) if failed and result.error else Status(),
                    start_time=round(planned.start * _NANO),
                    end_time=round(planned.end * _NANO),
                )
            )

    def close(self) -> None:
        """Send what is left, for at most some seconds."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK's

    def _context(self, frame: str, model: str) -> TraceContext:
        parent = self._adopted.get(frame)
        trace_id = parent.trace_id if parent else derive_id(frame, 32)
        sampled = parent.sampled if parent else is_sampled(trace_id, self._ratio)
        return TraceContext(trace_id, derive_id(f"{frame}/{model}", 16), sampled)


def _remote(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, TraceFlags(TraceFlags.SAMPLED))
