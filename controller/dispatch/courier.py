"""Carries a job to the nodes of an itinerary over NATS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache

from controller.dispatch.candidate import Chain
from controller.dispatch.job import Job
from controller.tracing.tracer import Tracer
from wire import subjects
from wire.bus import Link, Received
from wire.errors import BrambleError, InternalError, NoRespondersError, error_from_json
from wire.headers import ABSENT, ERROR, GATHERED, NODE, Hop, WorkOrder
from wire.messages import Answer, decode


class BusCourier:
    """Sends jobs on ``infer.<node>.<model>.<stage>`` and reads the answers, which may come from another node."""

    def __init__(self, link: Link, tracer: Tracer) -> None:
        self._link = link
        self._tracer = tracer

    async def carry(self, job: Job, chain: Chain, hops: tuple[Hop, ...], *, within: float) -> Answer:
        """Return the last node's answer; see :class:`controller.dispatch.dispatcher.Courier`."""
        order = WorkOrder(
            frame=job.frame,
            digest=chain.artefact,
            itinerary=hops,
            deadline_ms=max(1, round(within * 1000)),
            top_k=job.top_k,
            threshold=job.threshold,
            traceparent=self._tracer.header(job.frame, job.model),
            region=job.region,
            cut=chain.cut,
            sent_at=None if chain.cut is None else time.time(),
        )
        send = self._send_parts(job, order, chain, within) if chain.parts else self._send(job, order, 0, within)
        reply = await send
        first = hops[0].node
        answer = decode(reply.data, Answer)
        if answer.frame != job.frame:
            raise InternalError(f"{first} answered for the frame {answer.frame} instead of {job.frame}", node=first)
        if chain.cut is not None and len(answer.stages) != len(hops):
            raise InternalError(f"{len(answer.stages)} of {len(hops)} stages of {job.frame} told their times")
        return answer

    async def _send_parts(self, job: Job, order: WorkOrder, chain: Chain, within: float) -> Received:
        """Send the picture to the node of every part; the reply that holds the answer, or the first error.

        Each part is asked for by a request of its own, so that a node that is not there is told at once.
        """
        asked = [asyncio.create_task(self._send(job, order, part, within)) for part in range(chain.parts)]
        try:
            replies = await asyncio.gather(*asked)
        finally:
            for task in asked:
                task.cancel()
        answers = [reply for reply in replies if GATHERED not in (reply.headers or {})]
        if len(answers) != 1:
            raise InternalError(f"{len(answers)} answers came for the {chain.parts} parts of {job.frame}")
        return answers[0]

    async def _send(self, job: Job, order: WorkOrder, stage: int, within: float) -> Received:
        """Send the picture to one of the first nodes of the itinerary and return the reply, which is no error."""
        node = order.itinerary[stage].node
        try:
            reply = await self._link.request(
                _address(node, job.model, stage),
                job.payload,
                headers=order.to_headers(),
                within=within,
            )
        except NoRespondersError as error:
            error.node = node
            raise
        if reply.headers and ERROR in reply.headers:
            raise _read_error(reply.data, reply.headers, order.itinerary)
        return reply


@lru_cache(1024)
def _address(node: str, model: str, stage: int) -> str:
    return subjects.WORK.build(node=node, model=model, stage=str(stage))


def _read_error(data: bytes, headers: Mapping[str, str], hops: tuple[Hop, ...]) -> BrambleError:
    """Return a node's error, and with it which node it was about."""
    node = headers.get(NODE, "")
    where = node if any(hop.node == node for hop in hops) else ""
    error = error_from_json(data)
    if error is None:
        return InternalError("a node answered with an error that cannot be read", node=where)
    if ABSENT in headers:
        return NoRespondersError(error.message, remedy=error.remedy, node=where)
    error.node = where
    return error
