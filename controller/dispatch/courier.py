"""Carries a job to a node over NATS."""

from __future__ import annotations

from controller.dispatch.dispatcher import Job
from controller.tracing.tracer import Tracer
from wire import subjects
from wire.bus import Link
from wire.errors import InternalError, error_from_json
from wire.headers import ERROR, Hop, WorkOrder
from wire.messages import Answer, decode


class BusCourier:
    """Sends jobs on ``infer.<node>.<model>.<stage>`` and reads the answers."""

    def __init__(self, link: Link, tracer: Tracer) -> None:
        self._link = link
        self._tracer = tracer
        self._digests: dict[tuple[str, str], str] = {}

    def note_digest(self, node: str, model: str, digest: str) -> None:
        """Remember which artefact a node serves for a model: it goes into the work order and is checked there."""
        self._digests[node, model] = digest

    async def carry(self, job: Job, node: str, *, within: float) -> Answer:
        """Return the node's answer; see :class:`controller.dispatch.dispatcher.Courier`."""
        digest = self._digests.get((node, job.model))
        if digest is None:
            raise InternalError(f"{node} has not said which artefact of {job.model} it serves")
        order = WorkOrder(
            frame=job.frame,
            digest=digest,
            itinerary=(Hop(node, 0),),
            deadline_ms=max(1, round(within * 1000)),
            top_k=job.top_k,
            threshold=job.threshold,
            traceparent=self._tracer.header(job.frame, job.model),
            region=job.region,
        )
        subject = subjects.WORK.build(node=node, model=job.model, stage="0")
        reply = await self._link.request(subject, job.payload, headers=order.to_headers(), within=within)
        if reply.headers and ERROR in reply.headers:
            raise error_from_json(reply.data) or InternalError(f"{node} answered with an error that cannot be read")
        answer = decode(reply.data, Answer)
        if answer.frame != job.frame:
            raise InternalError(f"{node} answered for the frame {answer.frame} instead of {job.frame}")
        return answer
