"""What a node says about a frame: an answer, an error, or the order that goes on with it. Pure."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import msgspec

from edge_agent.backends.base import Findings
from edge_agent.pipeline import Finished, Work
from modelkit.errors import ModelkitError
from wire.errors import BrambleError, DeadlineExceededError, ErrorBody, ErrorCode, InternalError, error_from_body
from wire.headers import WorkOrder
from wire.messages import Answer, Shard, StageTimings, Timings
from wire.precision import Precision

_log = logging.getLogger("bramble.agent")


def compose(node: str, shard: Shard, work: Work, finished: Finished, findings: Findings) -> Answer:
    """Make the answer to a frame; that of a cut model adds up all of its stages."""
    order = work.order
    stages = () if order.cut is None else (*order.done, time_stage(node, work, finished))
    return Answer(
        frame=order.frame,
        model=shard.model,
        version=shard.version,
        digest=shard.artefact,
        nodes=tuple(hop.node for hop in order.itinerary),
        width=finished.prepared.width,
        height=finished.prepared.height,
        timings=add_up(_find_path(stages, shard.parts)) if stages else finished.timings,
        cut=order.cut,
        stages=stages,
        wire=_list_precisions(order),
        classes=findings.classes,
        detections=findings.detections,
    )


def find_next(shard: Shard) -> int:
    """Return the stage to which a frame goes from here: from every part of a picture it is the last one."""
    return shard.parts if shard.crop is not None else shard.stage + 1


def advance(
    node: str, shard: Shard, work: Work, finished: Finished, *, sent_bytes: int, now: float, at: float
) -> WorkOrder:
    """Return the order with which a frame goes to the next stage; ``now`` is monotonic, ``at`` in Unix seconds.

    Raises:
        DeadlineExceededError: no time is left for it.

    """
    left_ms = math.floor((work.deadline - now) * 1e3)  # rounded up, a frame would win time at each hop
    if left_ms < 1:
        raise DeadlineExceededError(
            f"no time is left of {work.order.deadline_ms} ms for the next stage",
            remedy="allow more time with Bramble-Deadline-Ms",
        )
    prepared = finished.prepared
    onward: WorkOrder = msgspec.structs.replace(
        work.order,
        deadline_ms=left_ms,
        picture=(prepared.width, prepared.height),
        done=(*work.order.done, time_stage(node, work, finished, sent_bytes=sent_bytes)),
        sent_at=at,
        part=shard.stage if shard.crop is not None else None,
    )
    return onward


def time_stage(node: str, work: Work, finished: Finished, *, sent_bytes: int = 0) -> StageTimings:
    """Say where a frame's time went on this node."""
    spent = finished.timings
    return StageTimings(
        node=node,
        network_ms=_round(work.network_ms),
        queue_ms=_round(spent.queue_ms),
        decode_ms=_round(spent.decode_ms),
        preprocess_ms=_round(spent.preprocess_ms),
        infer_ms=_round(spent.infer_ms),
        postprocess_ms=_round(spent.postprocess_ms),
        sent_bytes=sent_bytes,
    )


def _find_path(stages: Sequence[StageTimings], parts: int) -> Sequence[StageTimings]:
    """Return the stages that a frame waited for one after another: of parts side by side, that which took longest."""
    if not parts:
        return stages
    return (max(stages[:parts], key=lambda each: each.queue_ms + each.busy_ms), *stages[parts:])


def add_up(stages: Sequence[StageTimings]) -> Timings:
    """Return what stages one after another took together; the time between them is for the controller to say."""
    return Timings(
        queue_ms=sum(each.queue_ms for each in stages),
        decode_ms=sum(each.decode_ms for each in stages),
        preprocess_ms=sum(each.preprocess_ms for each in stages),
        infer_ms=sum(each.infer_ms for each in stages),
        postprocess_ms=sum(each.postprocess_ms for each in stages),
    )


def to_wire(error: BaseException) -> BrambleError:
    """Return the error that can cross the network; modelkit's errors carry wire's codes as words."""
    if isinstance(error, BrambleError):
        return error
    if isinstance(error, ModelkitError):
        return error_from_body(ErrorBody(code=ErrorCode(error.code), message=str(error), remedy=error.remedy))
    _log.error("a fault", extra={"action": "infer"}, exc_info=error)
    return InternalError(f"{type(error).__name__}: {error}"[:300], remedy="the agent's log on the node says more")


def _list_precisions(order: WorkOrder) -> tuple[Precision, ...]:
    """What each hop between stages travelled in; nothing where all were exact."""
    found = tuple(hop.wire for hop in order.itinerary[:-1])
    return found if any(each is not Precision.EXACT for each in found) else ()


def _round(milliseconds: float) -> float:
    """Microseconds are enough: the numbers travel in a header."""
    return round(milliseconds, 3)
