"""What the cluster keeps and a screen may want: batches, why jobs failed, the record. Asked only while wanted."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Literal

from tui.asking import ask
from tui.source import Put
from tui.updates import EntriesTaken, FailuresTaken, JobsTaken, Wants, Withheld
from wire import subjects
from wire.audit import Entry
from wire.bus import Bus, Stream
from wire.cancellation import heed_cancellation
from wire.errors import BrambleError
from wire.jobs import STATE, BatchRequest, JobEnd, JobOutcome, JobsReport
from wire.messages import decode

PERIOD_S = 2.0
COUNT_S = 30.0  # batches are counted one outcome after another
FAILURES = 100
LATEST = 200
"""Entries of the record that are read at first."""


class Shelves:
    """Reads for one connection until cancelled, again and again; what cannot be had is told, not raised."""

    def __init__(self, bus: Bus, put: Put, wants: Callable[[], Wants], changed: asyncio.Event) -> None:
        self._bus = bus
        self._put = put
        self._wants = wants
        self._changed = changed
        self._outcomes = Stream(bus.control, subjects.OUTCOMES_STREAM)
        self._audit = Stream(bus.control, subjects.AUDIT_STREAM)
        self._read_to: int | None = None

    async def run(self) -> None:
        """Read what is wanted now, then wait for the next period or another wish."""
        while True:
            heed_cancellation()
            self._changed.clear()
            wants = self._wants()
            if wants.jobs:
                await self._try("jobs", self._read_jobs)
            if wants.batch is not None:
                await self._try("failures", functools.partial(self._read_failures, wants.batch))
            if wants.record:
                await self._try("record", self._read_record)
            try:
                await asyncio.wait_for(self._changed.wait(), PERIOD_S)
            except TimeoutError:
                continue

    async def _try(self, what: Literal["jobs", "failures", "record"], read: Callable[[], Awaitable[None]]) -> None:
        try:
            await read()
        except BrambleError as error:
            self._put(Withheld(what, "; ".join(part for part in (error.message, error.remedy) if part)))

    async def _read_jobs(self) -> None:
        reply = await ask(self._bus, "jobs", "list", BatchRequest(), within=COUNT_S)
        self._put(JobsTaken(decode(reply.data, JobsReport)))

    async def _read_failures(self, batch: str) -> None:
        found: list[JobOutcome] = []
        subject = subjects.OUTCOMES.wildcard(batch=batch)
        async for stored in self._outcomes.read(subject):
            if stored.headers.get(STATE) == JobEnd.FAILED.value:
                found.append(decode(stored.data, JobOutcome))
            if len(found) == FAILURES:
                break
        self._put(FailuresTaken(batch, tuple(found)))

    async def _read_record(self) -> None:
        state = await self._audit.state()
        after = max(0, state.last_seq - LATEST) if self._read_to is None else self._read_to
        entries = []
        if state.last_seq > after:
            async for stored in self._audit.read(subjects.AUDIT.build(), after=after):
                entries.append(decode(stored.data, Entry))
                after = stored.sequence
        self._read_to = after
        self._put(EntriesTaken(tuple(entries)))
