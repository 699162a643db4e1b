"""What becomes of frames: the one place where the ledger, the metrics and the published results are kept in step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from controller.dispatch.job import Outcome
from controller.lanes.capture import Capture
from controller.metrics.metrics import Metrics
from controller.results.latency import Latencies
from controller.results.ledger import End, Ledger
from controller.tracing.tracer import NoTracer, Tracer
from wire import subjects
from wire.bus import Link
from wire.errors import BrambleError, BusError
from wire.ids import JOBS
from wire.messages import Result, Timings, encode

NO_TRACER = NoTracer()

_log = logging.getLogger("bramble.results")


class Results:
    """Opens and closes the ledger's entries, and publishes a result for every frame that was inferred or failed."""

    def __init__(
        self,
        link: Link,
        metrics: Metrics,
        clock: Callable[[], float],
        owns: Callable[[str], bool],
        *,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._owns = owns
        self.tracer = tracer
        self._link = link
        self._metrics = metrics
        self._clock = clock
        self.ledger = Ledger()
        self.latencies = Latencies()
        self.fenced = 0  # results not published because another controller may have the camera

    def offer(self, capture: Capture, model: str) -> None:
        """A frame is to go through a model."""
        self.ledger.offer(capture.frame, capture.camera, model)

    def gate(self, capture: Capture, model: str) -> None:
        """Nothing moved in it."""
        self._end(capture, model, End.GATED)

    def drop(self, capture: Capture, model: str, reason: str) -> None:
        """Nobody looked at it."""
        self._end(capture, model, End.DROPPED, reason)

    def infer(self, capture: Capture, model: str, outcome: Outcome) -> Result:
        """A node answered."""
        answer = outcome.answer
        timings = Timings(
            wait_ms=_ms(outcome.wait_s),
            network_ms=_ms(outcome.travel_s),
            queue_ms=answer.timings.queue_ms,
            decode_ms=answer.timings.decode_ms,
            preprocess_ms=answer.timings.preprocess_ms,
            infer_ms=answer.timings.infer_ms,
            postprocess_ms=answer.timings.postprocess_ms,
            merge_ms=_ms(outcome.merge_s),
            total_ms=_ms(self._clock() - capture.arrived),
        )
        counted = capture.camera != JOBS and not outcome.cached  # nobody waits for a job, no node worked
        if self._end(capture, model, End.INFERRED) and counted:
            trace_id = self.tracer.trace_id(capture.frame, model)
            self._metrics.note_timings(model, timings, frame=capture.frame, trace_id=trace_id)
            self.latencies.add(timings.total_ms)
        result = Result(
            frame=capture.frame,
            camera=capture.camera,
            model=model,
            version=answer.version,
            digest=answer.digest,
            nodes=answer.nodes,
            captured_at=capture.captured_at,
            width=answer.width,
            height=answer.height,
            timings=timings,
            classes=answer.classes,
            detections=answer.detections,
            cut=answer.cut,
            stages=answer.stages,
            wire=answer.wire,
            redone=outcome.redone,
            cached=outcome.cached,
            tiles=outcome.tiles,
        )
        self.tracer.note(result, time.time())
        return result

    def fail(self, capture: Capture, model: str, error: BrambleError) -> Result:
        """No answer could be had."""
        self._end(capture, model, End.FAILED, error.code.value)
        result = Result(
            frame=capture.frame,
            camera=capture.camera,
            model=model,
            captured_at=capture.captured_at,
            timings=Timings(total_ms=_ms(self._clock() - capture.arrived)),
            error=error.body,
        )
        self.tracer.note(result, time.time())
        return result

    async def publish(self, result: Result) -> None:
        """Tell the world, if this controller still may speak for the camera: asked here, right before the word.

        While the broker is away, live results are lost; the ledger keeps the count.
        """
        if not self._owns(result.camera):
            self.fenced += 1
            _log.warning("a result came after the lease", extra={"action": "fence", "frame": result.frame})
            return
        subject = subjects.RESULTS.build(camera=result.camera, model=result.model)
        try:
            await self._link.publish(subject, encode(result))
        except BusError as error:
            _log.warning("a result was lost", extra={"action": "publish", "frame": result.frame, "error": str(error)})

    def _end(self, capture: Capture, model: str, end: End, reason: str = "") -> bool:
        return self.ledger.end(capture.frame, capture.camera, model, end, reason)


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1e3, 3)
