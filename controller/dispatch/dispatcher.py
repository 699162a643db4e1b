"""Sends a frame to a node and sees to it that exactly one answer, or one error, comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from controller.dispatch.candidate import patience_s
from controller.dispatch.pool import Pool, Slot
from wire.errors import (
    AnswerTimeoutError,
    BrambleError,
    BusError,
    DeadlineExceededError,
    ErrorCode,
    InternalError,
    NoCapacityError,
    NoRespondersError,
)
from wire.messages import Answer
from wire.tiles import Region, TileReport, Tiles

ELSEWHERE = frozenset(
    {ErrorCode.INTERNAL, ErrorCode.NO_CAPACITY, ErrorCode.MODEL_REJECTED, ErrorCode.DEADLINE_EXCEEDED}
)
"""Errors that another node may not have; the others are the frame's own fault and would come again."""

SILENCE_S = 1.0
"""A node that has not answered for so long, and for three times its expectation, gets no more work for now."""

_log = logging.getLogger("bramble.dispatch")


@dataclass(frozen=True, slots=True)
class Job:
    """One frame for one model."""

    frame: str
    model: str
    payload: bytes
    deadline: float  # by the pool's clock
    top_k: int = 5
    threshold: float | None = None
    tiles: Tiles | None = None  # to look at it in; only :class:`controller.dispatch.sliced.SlicedDispatcher` does
    region: Region | None = None  # the part that is looked at; None: all of it


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and what it took."""

    answer: Answer
    wait_s: float  # for a slot
    travel_s: float  # from dispatch to answer, less what the node accounts for
    redone: bool
    tiles: tuple[TileReport, ...] = ()  # of a frame that was looked at in tiles


class Courier(Protocol):
    """Carries a job to a node and its answer back."""

    async def carry(self, job: Job, node: str, *, within: float) -> Answer:
        """Return the node's answer.

        Raises:
            BrambleError: the node's error, or the bus's, at the latest after ``within`` seconds.

        """


class Dispatcher:
    """Dispatches jobs over a pool of nodes."""

    def __init__(self, pool: Pool, courier: Courier, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._courier = courier
        self._clock = clock
        self._attempts: set[asyncio.Task[Answer]] = set()
        self.redone = 0
        self.late = 0  # second answers to a frame, dropped

    async def infer(self, job: Job) -> Outcome:
        """Wait for a slot and run the job.

        Raises:
            NoCapacityError: no node was free before the deadline.
            BrambleError: as :meth:`run`.

        """
        started = self._clock()
        slot = await self._pool.reserve(job.model, within=job.deadline - started)
        if slot is None:
            raise self._no_capacity(job)
        return await self.run(job, slot, waited_s=self._clock() - started)

    async def run(self, job: Job, slot: Slot, *, waited_s: float = 0.0) -> Outcome:
        """Run the job on the slot's node, and on a second one if the first does not answer well and in time.

        A node that nobody listens on never had the frame, so asking the next is no second try. The slot is given back
        in every case.

        Raises:
            DeadlineExceededError: no node answered in time.
            NoCapacityError: no node took it.
            BrambleError: the node's error.

        """
        first = self._start(job, slot)
        running = {first: slot}
        tried = frozenset({slot.node})
        redone = False
        error: BrambleError = self._too_late(job)
        while running:
            left = job.deadline - self._clock()
            patience = left if redone else patience_s(slot.expected_s, left)
            done, _ = await asyncio.wait(running, timeout=max(0.0, patience), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                used = running.pop(task)
                failure = _failure(task)
                if failure is None:
                    self.late += len(running)
                    return self._settle(task.result(), used, waited_s, redone=redone)
                if failure.code not in ELSEWHERE:
                    raise failure
                error = self._for_asker(job, failure)
            unasked = all(_never_taken(task) for task in done) and bool(done)
            if not done and redone:
                break
            if (redone and not unasked) or (self._clock() >= job.deadline):
                continue
            again = await self._find_other(job, tried, hurry=bool(running))
            if again is None:
                if not running:
                    break
                redone = True  # nobody else is free: give the first all the time that is left
                continue
            slot = again
            tried |= {again.node}
            redone = redone or not unasked
            self.redone += int(not unasked)
            running[self._start(job, again)] = again
        raise error

    async def close(self, *, within: float = 2.0) -> None:
        """Give attempts that lost their race a moment to end."""
        if self._attempts:
            _, late = await asyncio.wait(self._attempts, timeout=within)
            for task in late:
                task.cancel()

    async def _find_other(self, job: Job, tried: frozenset[str], *, hurry: bool) -> Slot | None:
        """Reserve a slot on a node not yet tried; in a hurry only one that is free now."""
        if not set(self._pool.serving(job.model)) - tried:
            return None
        left = job.deadline - self._clock()
        return await self._pool.reserve(job.model, within=0 if hurry else left, without=tried)

    def _start(self, job: Job, slot: Slot) -> asyncio.Task[Answer]:
        task = asyncio.create_task(self._attempt(job, slot), name=f"attempt-{job.frame}-{slot.node}")
        self._attempts.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._attempts.discard(task)
        if not task.cancelled():
            task.exception()  # seen here for attempts that lost their race; run() looks at the others

    async def _attempt(self, job: Job, slot: Slot) -> Answer:
        service_s: float | None = None
        try:
            left = job.deadline - self._clock()
            if left <= 0:
                raise self._too_late(job)
            answer = await self._courier.carry(job, slot.node, within=left)
            service_s = node_seconds(answer)
        except (NoRespondersError, AnswerTimeoutError) as error:
            if not self._blames_node(error, slot):
                raise
            _log.warning(
                "node barred", extra={"action": "bar", "node": slot.node, "frame": job.frame, "error": str(error)}
            )
            self._pool.bar(slot.node)
            raise
        finally:
            self._pool.release(slot, service_s=service_s)
        return answer

    def _blames_node(self, error: BrambleError, slot: Slot) -> bool:
        """Tell whether silence is the node's fault: a job's own short deadline must not take nodes out of the pool."""
        if isinstance(error, NoRespondersError):
            return True
        return self._clock() - slot.granted_at >= max(SILENCE_S, 3 * slot.expected_s)

    def _settle(self, answer: Answer, slot: Slot, waited_s: float, *, redone: bool) -> Outcome:
        spent = self._clock() - slot.granted_at
        accounted = node_seconds(answer) + answer.timings.queue_ms / 1e3
        return Outcome(answer, waited_s, max(0.0, spent - accounted), redone)

    def _for_asker(self, job: Job, failure: BrambleError) -> BrambleError:
        """Say what the failure means for whoever asked, who knows of no nodes."""
        match failure:
            case AnswerTimeoutError():
                return self._too_late(job)
            case NoRespondersError():
                return self._no_capacity(job)
            case _:
                return failure

    def _too_late(self, job: Job) -> DeadlineExceededError:
        return DeadlineExceededError(
            f"no node answered for {job.model} before the deadline",
            remedy="allow more time with Bramble-Deadline-Ms, or add nodes",
        )

    def _no_capacity(self, job: Job) -> NoCapacityError:
        serving = self._pool.serving(job.model)
        if not serving:
            return NoCapacityError(f"no node is ready for {job.model}", remedy="see `bramble nodes`")
        return NoCapacityError(
            f"all {len(serving)} nodes that serve {job.model} stayed busy until the deadline",
            remedy="try again later, send less, or add nodes",
        )


def node_seconds(answer: Answer) -> float:
    """Return the node's own time for a frame, without its queue."""
    t = answer.timings
    return (t.decode_ms + t.preprocess_ms + t.infer_ms + t.postprocess_ms) / 1e3


def _failure(task: asyncio.Task[Answer]) -> BrambleError | None:
    if task.cancelled():
        return InternalError("the attempt was cancelled")
    error = task.exception()
    if error is None or isinstance(error, BrambleError):
        return error
    _log.error("an attempt failed", extra={"action": "attempt"}, exc_info=error)
    return InternalError(f"the attempt failed: {type(error).__name__}")


def _never_taken(task: asyncio.Task[Answer]) -> bool:
    """Tell whether the node cannot have begun the frame."""
    error = None if task.cancelled() else task.exception()
    return isinstance(error, NoRespondersError) or (
        isinstance(error, NoCapacityError) and not isinstance(error, BusError)
    )
