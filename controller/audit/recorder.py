"""Writes the audit record: a stream on disk that is only ever added to, each entry tied to the one before it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self

from controller.audit.refusals import KINDS, OTHER
from controller.settings import RECORD_DISK
from wire import subjects
from wire.audit import GENESIS, Deed, Entry, digest_entry
from wire.bus import Bus, Stream, StreamSpec, TakenError
from wire.errors import BrambleError, BusError
from wire.jobs import MESSAGE_ID
from wire.messages import encode
from wire.refusals.throttle import Throttle

TRIES = 20
COLLECT_S = 5.0
MAX_WAITING = 256
RECALLS_S = 3600.0
"""For so long the server knows an entry again that it was given before, when its answer to that was lost."""

_log = logging.getLogger("bramble.audit")


def record_spec(disk: int = RECORD_DISK) -> StreamSpec:
    """Return the stream: nothing in it can be deleted, and full means refused."""
    return StreamSpec(
        subjects.AUDIT_STREAM, (subjects.AUDIT.wildcard(),), max_bytes=disk, append_only=True, recalls_s=RECALLS_S
    )


class Recorder:
    """Adds entries. Several controllers may write at once: the server says whose came first."""

    def __init__(self, stream: Stream, name: str, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._link = stream.link
        self._name = name
        self._clock = clock
        self._throttle = Throttle()
        self._waiting: asyncio.Queue[Deed] = asyncio.Queue(MAX_WAITING)
        self.lost = 0  # refusals that could not be written down
        self.refused = Counter(dict.fromkeys(KINDS, 0))  # all of them, by kind

    @classmethod
    async def open(cls, bus: Bus, name: str, clock: Callable[[], float], *, disk: int = RECORD_DISK) -> Self:
        """Open the record, and begin it where there is none; it may take ``disk`` bytes.

        Raises:
            BusError: JetStream is not there or refused.

        """
        return cls(await Stream.ensure(bus.control, record_spec(disk)), name, clock)

    async def write(self, deed: Deed, *, identity: str = "") -> None:
        """Add an entry; it is on disk when this returns. With an ``identity`` it is there once, however often it comes.

        Raises:
            BusError: it could not be written; what it tells of has happened all the same.

        """
        for _ in range(TRIES):
            last = await self._stream.last(subjects.AUDIT.build())
            previous, after = (digest_entry(last.data), last.sequence) if last else (GENESIS, 0)
            entry = Entry(at=time.time(), recorder=self._name, deed=deed, previous=previous)
            with contextlib.suppress(TakenError):  # another controller was faster: tie it to theirs
                sent = {MESSAGE_ID: identity} if identity else None
                await self._stream.publish(subjects.AUDIT.build(), encode(entry), headers=sent, after=after)
                return
            await asyncio.sleep(random.uniform(0.0, 0.05))  # noqa: S311 - spreads writers, guards nothing
        raise BusError(
            f"{deed.action} {deed.target} was carried out, but could not be put on the record",
            remedy="look at `bramble audit`: are there many controllers writing at once?",
        )

    def note_refusal(self, deed: Deed) -> None:
        """Have a refusal written when there is time; floods are counted, not kept."""
        self.count({deed.action: 1})
        if told := self._throttle.take(deed, self._clock()):
            self._enqueue(told)

    def count(self, refusals: Mapping[str, int]) -> None:
        """Count refusals by kind, wherever they were seen."""
        for action, number in refusals.items():
            self.refused[action if action in self.refused else OTHER] += number

    async def run(self, *refusals: AsyncIterator[Deed]) -> None:
        """Write what waits, and what each of these tells, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_waiting(), name="audit-write")
            tasks.create_task(self._collect(), name="audit-collect")
            for number, source in enumerate(refusals):
                tasks.create_task(self._follow(source), name=f"audit-follow-{number}")

    async def _follow(self, source: AsyncIterator[Deed]) -> None:
        async for deed in source:
            self.note_refusal(deed)

    async def _write_waiting(self) -> None:
        while True:
            deed = await self._waiting.get()
            await self._link.wait_connected()  # what waits is on the record once the server is back
            try:
                await self.write(deed)
            except BrambleError as error:
                self.lost += 1
                _log.error("off the record", extra={"action": "audit", "deed": deed.action, "error": error.message})

    async def _collect(self) -> None:
        while True:
            await asyncio.sleep(COLLECT_S)
            for deed in self._throttle.collect(self._clock()):
                self._enqueue(deed)

    def _enqueue(self, deed: Deed) -> None:
        try:
            self._waiting.put_nowait(deed)
        except asyncio.QueueFull:
            self.lost += 1
            _log.error("off the record", extra={"action": "audit", "deed": deed.action, "error": "too many wait"})
