"""What operators ask about durable jobs: list, cancel, retry, forget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from controller.catalogue import Catalogue
from controller.desks.door import ControlDoor
from controller.jobs.counts import Counts
from controller.jobs.desk import JobDesk
from controller.jobs.ticket import Ticket, read_ticket
from wire import subjects
from wire.bus import Received, TakenError
from wire.errors import BadRequestError
from wire.ids import DIRECT
from wire.jobs import (
    FILE,
    MODEL,
    STATE,
    BatchRequest,
    BatchStatus,
    ChunkDone,
    JobEnd,
    JobOutcome,
    JobsReport,
    own_headers,
    read_file_name,
)
from wire.messages import Done, Message, decode, encode
from wire.service import Reply

CHUNK = 500
"""Jobs that one request changes at most; whoever asks goes on asking."""

AT_ONCE = 16
MAX_BATCHES = 1000

T = TypeVar("T")


class JobControl:
    """Carries out operators' requests about jobs."""

    def __init__(self, desk: JobDesk, catalogue: Catalogue, controller: str) -> None:
        self._queue = desk.queue
        self._archive = desk.archive
        self._look = desk.look
        self._catalogue = catalogue
        self._controller = controller

    def register(self, door: ControlDoor) -> None:
        """Add the endpoints."""
        for verb, handler in (
            ("list", self._list),
            ("cancel", self._cancel),
            ("retry", self._retry),
            ("forget", self._forget),
        ):
            door.add("jobs", verb, handler)

    async def _list(self, message: Received) -> Reply:
        batch = decode(message.data, BatchRequest).batch
        batches = await self._count(batch)
        status = await self._look()
        return _json(JobsReport(queue=status, batches=batches[:MAX_BATCHES], left_out=len(batches[MAX_BATCHES:])))

    async def _cancel(self, message: Received) -> Reply:
        """End jobs that wait. One that is being worked on has its outcome from here, too; its result is refused."""
        request = _require_batch(message)
        waiting = await self._waiting(request)
        changed = sum(await _all(self._cancel_one, waiting[:CHUNK]))
        return _json(ChunkDone(changed=changed, left=len(waiting[CHUNK:])))

    async def _retry(self, message: Received) -> Reply:
        """Put the pictures of failed jobs back into the queue."""
        request = _require_batch(message)
        found = (await self._archive.dead.state(subjects=_of_batch(subjects.DEAD_LETTERS, request.batch))).subjects
        tickets = [
            Ticket(fields["model"], fields["batch"], fields["job"])
            for fields in map(subjects.DEAD_LETTERS.parse, found)
            if fields and (not request.jobs or fields["job"] in request.jobs)
        ]
        for model in {ticket.model for ticket in tickets}:
            self._catalogue.require(model)
        changed = sum(await _all(self._retry_one, tickets[:CHUNK]))
        return _json(ChunkDone(changed=changed, left=len(tickets[CHUNK:])))

    async def _forget(self, message: Received) -> Reply:
        """Remove a batch's outcomes and kept pictures."""
        request = _require_batch(message)
        found = await self._count(request.batch)
        if not found:
            raise BadRequestError(f"there is no batch {request.batch!r}", remedy="see `bramble jobs list`")
        if found[0].queued:
            raise BadRequestError(
                f"{found[0].queued} jobs of {request.batch} have not ended",
                remedy=f"wait, or cancel them with `bramble jobs cancel {request.batch}`",
            )
        await self._archive.outcomes.purge(_of_batch(subjects.OUTCOMES, request.batch))
        await self._archive.dead.purge(_of_batch(subjects.DEAD_LETTERS, request.batch))
        return _json(Done(text=f"batch {request.batch} forgotten"))

    async def _count(self, batch: str) -> tuple[BatchStatus, ...]:
        queued = (await self._queue.state(subjects=">")).subjects
        dead = (await self._archive.dead.state(subjects=_of_batch(subjects.DEAD_LETTERS, batch))).subjects
        counts = Counts(queued, dead)
        outcomes = self._archive.outcomes.read(_of_batch(subjects.OUTCOMES, batch), headers_only=True)
        async for stored in outcomes:
            counts.note_outcome(
                stored.subject,
                state=stored.headers.get(STATE, ""),
                model=stored.headers.get(MODEL, ""),
                at=stored.at,
            )
        return counts.batches(batch)

    async def _waiting(self, request: BatchRequest) -> list[tuple[Ticket, int]]:
        """Return the jobs that wait, each with its sequence, or 0 where the subject names it."""
        found = (await self._queue.state(subjects=_of_batch(subjects.BATCH_JOBS, request.batch))).subjects
        waiting = [
            (Ticket(fields["model"], fields["batch"], fields["job"]), 0)
            for fields in map(subjects.BATCH_JOBS.parse, found)
            if fields
        ]
        if request.batch == DIRECT:
            after = 0
            while len(waiting) <= CHUNK and (stored := await self._queue.next(subjects.JOBS.wildcard(), after=after)):
                after = stored.sequence
                waiting.append((read_ticket(stored.subject, stored.headers, stored.sequence, stored.at), after))
        return [(ticket, at) for ticket, at in waiting if not request.jobs or ticket.job in request.jobs]

    async def _cancel_one(self, job: tuple[Ticket, int]) -> bool:
        """Give a job its outcome first, so that it cannot be lost between two steps."""
        ticket, sequence = job
        outcome = JobOutcome(
            job=ticket.job,
            batch=ticket.batch,
            model=ticket.model,
            end=JobEnd.CANCELLED,
            at=time.time(),
            file=ticket.file or await self._file_name(ticket),
            controller=self._controller,
        )
        first = await self._archive.conclude(ticket, outcome)
        if sequence:
            await self._queue.delete(sequence)
        else:
            await self._queue.purge(ticket.queue)
        return first

    async def _file_name(self, ticket: Ticket) -> str:
        stored = await self._queue.last(ticket.queue)
        return read_file_name(stored.headers.get(FILE, "")) if stored else ""

    async def _retry_one(self, ticket: Ticket) -> bool:
        """Queue a failed job again. Whatever step is the last, its picture is still there to be tried again."""
        stored = await self._archive.dead.last(ticket.dead_letter)
        if stored is None:
            return False
        outcome = await self._archive.find(ticket)
        again = outcome is None or outcome.end is JobEnd.FAILED
        if again:
            await self._archive.outcomes.purge(ticket.outcome)
            try:
                await self._queue.publish(ticket.queue, stored.data, headers=own_headers(stored.headers), after=0)
            except TakenError:
                again = False  # it is in the queue already
        await self._archive.dead.delete(stored.sequence)  # and not what a job that failed again has left by now
        return again


async def _all(act: Callable[[T], Awaitable[bool]], jobs: Iterable[T]) -> list[bool]:
    """Do the same to every job, a few at a time."""
    todo = iter(list(jobs))
    done: list[bool] = []

    async def work() -> None:
        for job in todo:
            done.append(await act(job))  # noqa: PERF401 - several of these share the iterator

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return done


def _require_batch(message: Received) -> BatchRequest:
    request = decode(message.data, BatchRequest)
    if not request.batch:
        raise BadRequestError("no batch is named", remedy="`bramble jobs list` shows them")
    return request


def _of_batch(family: subjects.Subject, batch: str) -> str:
    return family.wildcard(batch=batch) if batch else family.wildcard()


def _json(message: Message) -> Reply:
    return Reply(encode(message), {"Content-Type": "application/json"})
