"""What a frame is for: the model and the stage that its subject names, and whether its order goes with that. Pure."""

from __future__ import annotations

from functools import lru_cache

from wire import subjects
from wire.errors import BadRequestError
from wire.headers import WorkOrder
from wire.messages import Shard

Place = tuple[str, int]
"""A model and a stage of it."""


@lru_cache(256)
def read_place(subject: str) -> Place:
    """Return what a subject for work names.

    Raises:
        BadRequestError: it names nothing.

    """
    tokens = subjects.WORK.parse(subject)
    if tokens is None or not (tokens["stage"].isascii() and tokens["stage"].isdigit()):
        raise BadRequestError(f"{subject[:80]!r} is not a subject for work")
    return tokens["model"], int(tokens["stage"])


def check_itinerary(node: str, shard: Shard, order: WorkOrder) -> None:
    """Hold an order against the shard that it came to.

    Raises:
        BadRequestError: it leads elsewhere, or the frame did not come the way that it says.

    """
    hops = order.itinerary
    stages = tuple(hop.stage for hop in hops)
    if stages != tuple(range(shard.stages)) or hops[shard.stage].node != node:
        raise BadRequestError(
            f"the itinerary of {len(hops)} stages does not lead to stage {shard.stage} of {shard.stages} on {node}",
            remedy="name one node for each stage, in order",
        )
    gathers = bool(shard.parts) and shard.crop is None
    if (order.part is not None) != gathers:
        raise BadRequestError(f"part {order.part} of a picture came for stage {shard.stage} of {shard.stages}")
    before = 0 if shard.crop is not None else 1 if gathers else shard.stage
    if len(order.done) != before:
        raise BadRequestError(
            f"a frame for stage {shard.stage} came with the timings of {len(order.done)} stages",
            remedy="send frames to stage 0",
        )


def name_cut(digest: str, cut: str | None) -> str:
    """Return what people read of an artefact and its cut."""
    return f"{digest[:12]} cut {cut}" if cut else digest[:12]
