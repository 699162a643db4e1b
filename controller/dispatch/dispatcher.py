"""Sends a frame to its nodes and sees to it that exactly one answer, or one error, comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from controller.dispatch.candidate import doubt_s, patience_s
from controller.dispatch.job import Courier, Job, Outcome, measure
from controller.dispatch.pool import Pool, Slot, Spent
from controller.dispatch.pursuit import Attempt, Pursuit
from wire.errors import (
    AnswerTimeoutError,
    BrambleError,
    BusError,
    DeadlineExceededError,
    ErrorCode,
    InternalError,
    ModelRejectedError,
    NoCapacityError,
    NoRespondersError,
)
from wire.messages import Answer

ELSEWHERE = frozenset(
    {ErrorCode.INTERNAL, ErrorCode.NO_CAPACITY, ErrorCode.MODEL_REJECTED, ErrorCode.DEADLINE_EXCEEDED}
)
"""Errors that other nodes may not have; the others are the frame's own fault and would come again."""

TRIES = 2
"""A frame that may have been begun is begun once more, not oftener."""

LOOK_S = 0.25
"""How often an attempt that is overdue is looked at: is another node free now, or has one of its own been lost?"""

EARLY_S = 1e-6
"""Timers may fire that much before their time."""

SILENCE_S = 1.0
"""Nodes that have not answered for so long, and for three times the expectation, get no more work for now."""

_log = logging.getLogger("bramble.dispatch")


class Dispatcher:
    """Dispatches jobs over a pool of nodes."""

    def __init__(self, pool: Pool, courier: Courier, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._courier = courier
        self._clock = clock
        self._attempts: set[Attempt] = set()
        self._pursuits: set[Pursuit] = set()
        pool.call_on_gone(self._note_gone)
        self.redone = 0
        self.late = 0  # second answers to a frame, dropped

    async def infer(self, job: Job) -> Outcome:
        """Wait for a slot and run the job.

        Raises:
            NoCapacityError: no node was free before the deadline.
            BrambleError: as :meth:`run`.

        """
        started = self._clock()
        slot = await self._pool.reserve(job.model, within=job.deadline - started, rank=job.rank)
        if slot is None:
            raise self._no_capacity(job)
        return await self.run(job, slot, waited_s=self._clock() - started)

    async def run(self, job: Job, slot: Slot, *, waited_s: float = 0.0) -> Outcome:
        """Run the job along the slot's itinerary, and along a second one if no good answer comes of it in time.

        A node that nobody listens on never had the frame, so going round it is no second try. The slot is given back
        in every case.

        Raises:
            DeadlineExceededError: no node answered in time.
            NoCapacityError: no node took it.
            BrambleError: a node's error.

        """
        pursuit = Pursuit(job, waited_s)
        self._pursuits.add(pursuit)
        self._start(pursuit, slot)
        try:
            while pursuit.running or pursuit.seeking:
                done = await self._wait(pursuit)
                if not done and self._clock() >= job.deadline - EARLY_S:
                    break
                if outcome := self._take(pursuit, done):
                    return outcome
                self._look_for_another(pursuit)
        finally:
            self._pursuits.discard(pursuit)
            self._give_up(pursuit)
        raise pursuit.error or self._too_late(job)

    async def close(self, *, within: float = 2.0) -> None:
        """Give attempts that lost their race a moment to end."""
        if self._attempts:
            _, late = await asyncio.wait(self._attempts, timeout=within)
            for task in late:
                task.cancel()

    def _start(self, pursuit: Pursuit, slot: Slot) -> None:
        job = pursuit.job
        pursuit.tries += 1
        self.redone += pursuit.tries == TRIES
        now = self._clock()
        patience = patience_s(slot.expected_s, job.deadline - now)
        pursuit.look_at = now + patience
        pursuit.doubt_at = now + min(patience, doubt_s(slot.expected_s))
        pursuit.gone -= {*slot.nodes}
        task = asyncio.create_task(self._attempt(pursuit, slot), name=f"attempt-{job.frame}-{slot.nodes[-1]}")
        self._attempts.add(task)
        task.add_done_callback(partial(self._note_end, pursuit))
        pursuit.running[task] = slot

    async def _wait(self, pursuit: Pursuit) -> set[asyncio.Task[Any]]:
        """Wait until something has happened, an attempt is overdue, or the deadline has passed."""
        until = pursuit.job.deadline
        if pursuit.seeking is None and pursuit.tries < TRIES:
            until = min(until, pursuit.look_at if pursuit.doubt_at is None else pursuit.doubt_at)
        loop = asyncio.get_running_loop()
        pursuit.news = loop.create_future()  # asyncio.wait costs as much as all else here together
        timer = loop.call_later(max(0.0, until - self._clock()), pursuit.tell)
        try:
            await pursuit.news
        finally:
            timer.cancel()
        done: set[asyncio.Task[Any]] = {task for task in pursuit.running if task.done()}
        if pursuit.seeking and pursuit.seeking.done():
            done.add(pursuit.seeking)
        return done

    def _take(self, pursuit: Pursuit, done: set[asyncio.Task[Any]]) -> Outcome | None:
        """Take what has come: an answer, an error, a slot.

        Raises:
            BrambleError: one that would come again elsewhere.

        """
        for task in done & pursuit.running.keys():
            slot = pursuit.running.pop(task)
            failure = _failure(task)
            if failure is None:
                answer, spent = task.result()
                return self._settle(pursuit, answer, spent, slot)
            if not _may_go_well_elsewhere(failure, slot):
                raise failure
            self._note_failure(pursuit, failure, slot)
        if pursuit.seeking and pursuit.seeking in done:
            found, pursuit.seeking = pursuit.seeking.result(), None
            if found:
                self._start(pursuit, found)
        return None

    def _note_failure(self, pursuit: Pursuit, failure: BrambleError, slot: Slot) -> None:
        pursuit.tries -= _was_never_taken(failure)
        pursuit.error = self._for_asker(pursuit.job, failure)
        pursuit.absent = isinstance(failure, NoRespondersError)
        if pursuit.absent:
            return  # its node is barred, until it is back
        # What a node serves has changed a moment ago: what takes its place is about to be seated, here or elsewhere.
        pursuit.absent = isinstance(failure, ModelRejectedError)
        if failure.node in slot.nodes:
            pursuit.without |= {(failure.node, slot.chain)}
        else:
            pursuit.avoid |= {*slot.nodes}

    def _look_for_another(self, pursuit: Pursuit) -> None:
        """See to one more attempt where none is left, or where those under way are overdue."""
        job, now = pursuit.job, self._clock()
        if pursuit.seeking or pursuit.tries >= TRIES or now >= job.deadline - EARLY_S:
            return
        if pursuit.running:
            self._doubt(pursuit, now)
            if now < pursuit.look_at - EARLY_S and not pursuit.gone:
                return
            pursuit.look_at = now + LOOK_S
            if not self._let_go_of_lost(pursuit):
                # Only late: what is free helps, but a queue of second tries would make everybody late.
                free = self._pool.take(job.model, without=pursuit.without, avoid=pursuit.avoid)
                if free:
                    self._start(pursuit, free)
                return
        if pursuit.absent or self._pool.can_serve(job.model, without=pursuit.without, avoid=pursuit.avoid):
            pursuit.seeking = asyncio.create_task(
                self._pool.reserve(
                    job.model,
                    within=job.deadline - now,
                    rank=job.rank,
                    without=pursuit.without,
                    avoid=pursuit.avoid,
                    again=True,
                ),
                name=f"again-{job.frame}",
            )
            pursuit.seeking.add_done_callback(lambda _: pursuit.tell())

    def _doubt(self, pursuit: Pursuit, now: float) -> None:
        """Have the nodes asked, once an attempt, whether they are there still."""
        if pursuit.doubt_at is not None and now >= pursuit.doubt_at - EARLY_S:
            pursuit.doubt_at = None
            for node in pursuit.nodes:
                self._pool.doubt(node)

    def _let_go_of_lost(self, pursuit: Pursuit) -> bool:
        """Tell whether an attempt may be lost with a node, and give back what it holds of the others on its way."""
        lost = False
        for slot in pursuit.running.values():
            if nodes := self._pool.find_lost(slot):
                lost = True
                pursuit.avoid -= {*slot.nodes}  # now it is known why it is late
                self._pool.release(slot, but=nodes)  # it would keep them from work
            else:
                pursuit.avoid |= {*slot.nodes}
        return lost

    def _give_up(self, pursuit: Pursuit) -> None:
        """Let go of what is still under way. A single node's late answer is waited for: it tells its time."""
        for attempt, slot in pursuit.running.items():
            if slot.chain.cut is not None:  # its slots lie on nodes that have nothing to do with the delay
                attempt.cancel()
        if pursuit.seeking:
            pursuit.seeking.cancel()
            if pursuit.seeking.done() and not pursuit.seeking.cancelled() and (unused := pursuit.seeking.result()):
                self._pool.release(unused)

    def _note_end(self, pursuit: Pursuit, task: Attempt) -> None:
        self._attempts.discard(task)
        pursuit.tell()
        if not task.cancelled():
            task.exception()  # seen here for attempts that lost their race; run() looks at the others

    async def _attempt(self, pursuit: Pursuit, slot: Slot) -> tuple[Answer, Spent]:
        job = pursuit.job
        spent: Spent | None = None
        try:
            left = job.deadline - self._clock()
            if left <= 0:
                raise self._too_late(job)
            answer = await self._courier.carry(job, slot.chain, slot.hops, within=left)
            spent = measure(answer, self._clock() - slot.granted_at, slot.chain.parts)
        except NoRespondersError as error:
            self._bar(slot, {error.node} & {*slot.nodes} or {*slot.nodes}, error)
            raise
        except AnswerTimeoutError as error:
            if self._is_silent(slot):
                self._bar(slot, {*slot.nodes}, error)
            raise
        finally:
            self._pool.release(slot, spent)
            pursuit.tell()  # a turn of the loop before _note_end does: who is woken by it finds this task done
        return answer, spent

    def _is_silent(self, slot: Slot) -> bool:
        """Tell whether silence is a node's fault: a job's own short deadline must not take nodes out of the pool."""
        return self._clock() - slot.granted_at >= max(SILENCE_S, 3 * slot.expected_s)

    def _bar(self, slot: Slot, nodes: set[str], error: BrambleError) -> None:
        """Take nodes out of rotation; those that live are back with their next heartbeat."""
        _log.warning(
            "nodes barred", extra={"action": "bar", "nodes": sorted(nodes), "way": slot.nodes, "error": str(error)}
        )
        for node in nodes:
            self._pool.bar(node)
            self._pool.doubt(node)  # what else it had may be lost with it

    def _note_gone(self, node: str) -> None:
        for pursuit in self._pursuits:
            pursuit.note_gone(node)

    def _settle(self, pursuit: Pursuit, answer: Answer, spent: Spent, slot: Slot) -> Outcome:
        self.late += len(pursuit.running)
        for other in pursuit.running.values():
            suspects = {*other.nodes} - {*slot.nodes}
            if other.chain.cut is not None and suspects and self._is_silent(other):
                self._bar(other, suspects, self._too_late(pursuit.job))
        return Outcome(answer, pursuit.waited_s, spent.travel_s, redone=pursuit.tries >= TRIES)

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
            return NoCapacityError(
                f"no node is ready for {job.model}",
                remedy="see `bramble nodes`",
                retry_after_ms=self._pool.hint_ms(job.model),
            )
        return NoCapacityError(
            f"all {len(serving)} nodes that serve {job.model} stayed busy until the deadline",
            remedy="try again later, send less, or add nodes",
            retry_after_ms=self._pool.hint_ms(job.model),
        )


def _failure(task: Attempt) -> BrambleError | None:
    if task.cancelled():
        return InternalError("the attempt was cancelled")
    error = task.exception()
    if error is None or isinstance(error, BrambleError):
        return error
    _log.error("an attempt failed", extra={"action": "attempt"}, exc_info=error)
    return InternalError(f"the attempt failed: {type(error).__name__}")


def _may_go_well_elsewhere(failure: BrambleError, slot: Slot) -> bool:
    """Between the stages of a cut a bad tensor is a node's fault, or the frame's: another way tells."""
    return failure.code in ELSEWHERE or (slot.chain.cut is not None and failure.code is ErrorCode.INVALID_TENSOR)


def _was_never_taken(failure: BrambleError) -> bool:
    """Tell whether no node can have answered the frame: it was refused at the door, or nobody was there to take it."""
    if isinstance(failure, NoRespondersError | ModelRejectedError):
        return True
    return isinstance(failure, NoCapacityError) and not isinstance(failure, BusError)
