"""What is dispatched, and what comes of it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from controller.dispatch.candidate import Chain
from controller.dispatch.line import Rank
from controller.dispatch.pool import Spent
from wire.headers import Hop
from wire.messages import Answer
from wire.tiles import Region, TileReport, Tiles


class Job(msgspec.Struct, frozen=True):
    """One frame for one model."""

    frame: str
    model: str
    payload: bytes
    deadline: float  # by the pool's clock
    rank: Rank = Rank.INTERACTIVE
    top_k: int = 5
    threshold: float | None = None
    tiles: Tiles | None = None  # to look at it in; only :class:`controller.dispatch.sliced.SlicedDispatcher` does
    region: Region | None = None  # the part that is looked at; None: all of it
    cached: bool = False  # an answer that was given before will do


class Outcome(msgspec.Struct, frozen=True):
    """An answer and what it took."""

    answer: Answer
    wait_s: float  # for a slot
    travel_s: float  # from dispatch to answer, less what the nodes account for
    redone: bool
    tiles: tuple[TileReport, ...] = ()  # of a frame that was looked at in tiles
    cached: bool = False  # no node was asked
    merge_s: float = 0.0  # to make one answer of those of all tiles


class Courier(Protocol):
    """Carries a job to nodes and the answer back."""

    async def carry(self, job: Job, chain: Chain, hops: tuple[Hop, ...], *, within: float) -> Answer:
        """Return the answer of the last node of the itinerary.

        Raises:
            BrambleError: a node's error, or the bus's, at the latest after ``within`` seconds; ``node`` says where it
                happened, as far as known.

        """


def measure(answer: Answer, spent_s: float, parts: int = 0) -> Spent:
    """Return the nodes' own times, without their queues, and what is left of ``spent_s``, which is all of it.

    Of ``parts`` that ran side by side, the slowest counts for what is left.
    """
    service_s = tuple(stage.busy_ms / 1e3 for stage in answer.stages) or (node_seconds(answer),)
    waited_s = max(service_s[:parts], default=0.0) + sum(service_s[parts:])
    return Spent(service_s, max(0.0, spent_s - waited_s - answer.timings.queue_ms / 1e3))


def node_seconds(answer: Answer) -> float:
    """Return the nodes' own time for a frame, without their queues."""
    t = answer.timings
    return (t.decode_ms + t.preprocess_ms + t.infer_ms + t.postprocess_ms) / 1e3
