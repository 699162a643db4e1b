"""One job, from its delivery to its one outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.desks.requests import check_picture
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job
from controller.dispatch.line import Rank
from controller.jobs.archive import Archive
from controller.jobs.tally import Tally
from controller.jobs.ticket import Ticket
from controller.jobs.verdict import MAX_DELIVERIES, TRY_S, Verdict, judge, pause_s
from controller.lanes.capture import Capture
from controller.results.ledger import REMOVED
from controller.results.results import Results
from wire.bus import Delivery, FullError
from wire.errors import BadRequestError, BrambleError, BusError, InternalError
from wire.headers import InferOptions
from wire.ids import JOBS
from wire.jobs import JobEnd, JobOutcome
from wire.messages import Result

SETTLE_S = 120.0
"""After so long without a server that takes the outcome, the job is left to the queue, which hands it out again."""

STORE_AGAIN_S = 1.0
"""Servers that look for a leader take outcomes from one moment to the next."""

_log = logging.getLogger("bramble.jobs")


@dataclass(slots=True)
class Held:
    """A job that this controller holds; a redelivery of it replaces the delivery."""

    ticket: Ticket
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class _End:
    result: Result | None = None
    error: BrambleError | None = None
    keep: bool = False


class Runner:
    """Runs jobs. ``archive`` may be called by many at once."""

    def __init__(
        self,
        controller: str,
        *,
        dispatcher: Dispatcher,
        results: Results,
        archive: Archive,
        clock: Callable[[], float],
    ) -> None:
        self._controller = controller
        self._dispatcher = dispatcher
        self._results = results
        self._archive = archive
        self._clock = clock
        self.tally = Tally()
        self.full_since: float | None = None  # since when the server has had no room for outcomes

    async def run(self, held: Held) -> None:
        """Work on the job until it has its outcome and has left the queue; or leave it to be delivered again."""
        if await self._has_ended(held):
            self.tally.repeated += 1
            end = None
        elif held.delivery.deliveries > MAX_DELIVERIES:
            text = f"the queue has handed it out {held.delivery.deliveries} times, and nobody came to an end with it"
            end = _End(error=InternalError(text, remedy="try again with `bramble jobs retry`"), keep=True)
        else:
            end = await self._work(held)
        await self._settle(held, end)

    async def _has_ended(self, held: Held) -> bool:
        try:
            return await self._archive.find(held.ticket) is not None
        except BusError:
            return False  # the server will refuse a second outcome, if there is one

    async def _work(self, held: Held) -> _End:
        ticket, delivery = held.ticket, held.delivery
        capture = Capture.new(JOBS, delivery.data, captured_at=delivery.stored_at, arrived=self._clock())
        self._results.offer(capture, ticket.model)
        try:
            return await self._try(capture, held)
        except asyncio.CancelledError:
            self._results.drop(capture, ticket.model, REMOVED)
            raise
        except Exception as error:  # noqa: BLE001 - told below
            # One job that finds a fault of ours must not take the cameras down with it, again at each delivery.
            _log.exception("a job failed", extra={"action": "run_job", "batch": ticket.batch, "job": ticket.job})
            found = InternalError(f"the controller failed: {type(error).__name__}")
            return self._fail(capture, ticket, found, keep=True)

    async def _try(self, capture: Capture, held: Held) -> _End:
        """Ask nodes until one answers or trying makes no more sense."""
        ticket = held.ticket
        tries = failures = 0
        try:
            if ticket.fault:
                raise BadRequestError(ticket.fault)
            options = InferOptions.from_headers(held.delivery.headers)
            check_picture(capture.payload)
        except BrambleError as error:
            return self._fail(capture, ticket, error, keep=False)
        while True:
            job = Job(
                frame=capture.frame,
                model=ticket.model,
                payload=capture.payload,
                deadline=self._clock() + TRY_S,
                rank=Rank.JOB,
                top_k=options.top_k,
                threshold=options.threshold,
            )
            try:
                outcome = await self._dispatcher.infer(job)
            except BrambleError as error:
                failures += 1
                verdict = judge(error, tries + 1)
                tries += verdict is not Verdict.WAIT
                if verdict in (Verdict.REFUSE, Verdict.BURY):
                    return self._fail(capture, ticket, error, keep=verdict is Verdict.BURY)
                await asyncio.sleep(pause_s(failures))
            else:
                return _End(result=self._results.infer(capture, ticket.model, outcome))

    def _fail(self, capture: Capture, ticket: Ticket, error: BrambleError, *, keep: bool) -> _End:
        self._results.fail(capture, ticket.model, error)
        return _End(error=error, keep=keep)

    async def _settle(self, held: Held, end: _End | None) -> None:
        """Store the outcome, then take the job off the queue: a crash between the two repeats no outcome."""
        deadline = self._clock() + SETTLE_S
        failures = 0
        while end is not None:
            try:
                await self._conclude(held, end)
                end = None
            except (BusError, FullError) as error:
                failures += 1
                if isinstance(error, FullError) and self.full_since is None:
                    self.full_since = self._clock()
                _log.warning(
                    "an outcome waits",
                    extra={"action": "settle", "job": held.ticket.job, "error": error.message, "failures": failures},
                )
                if self._clock() > deadline:
                    return
                pause = pause_s(failures)
                await asyncio.sleep(pause if isinstance(error, FullError) else min(pause, STORE_AGAIN_S))
        try:
            await held.delivery.acknowledge()
        except BusError as error:
            # Not asked twice: a server that took the first one answers no second. If it did not, the job comes again.
            _log.info("not acknowledged", extra={"action": "settle", "job": held.ticket.job, "error": error.message})

    async def _conclude(self, held: Held, end: _End) -> None:
        ticket = held.ticket
        outcome = JobOutcome(
            job=ticket.job,
            batch=ticket.batch,
            model=ticket.model,
            end=JobEnd.DONE if end.error is None else JobEnd.FAILED,
            at=time.time(),
            file=ticket.file,
            controller=self._controller,
            deliveries=held.delivery.deliveries,
            result=end.result,
            error=end.error.body if end.error else None,
        )
        first = await self._archive.conclude(ticket, outcome, keep=held.delivery if end.keep else None)
        self.full_since = None
        if first:
            self.tally.note(ticket.model, outcome.end, end.error.code.value if end.error else "")
        else:
            self.tally.repeated += 1
