"""The witness put together: what it reads, and to whom it tells it."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

from wire import headers, subjects
from wire.audit import Deed
from wire.bus import Link
from wire.bus.patient import pause_s
from wire.errors import BrambleError, InternalError, error_from_json
from wire.foundations import WitnessBeat
from wire.messages import encode
from wire.refusals.report import Report
from wire.refusals.tail import Tail
from wire.systemd import WATCHDOG, Notifier
from witness.backlog import Backlog
from witness.memory import Memory

TICK_S = 1.0
BEAT_S = 2.0
ASK_S = 15.0
"""A controller answers when all of a report is on the record, which a cluster that looks for a leader delays."""

_log = logging.getLogger("bramble.witness")


class Witness:
    """Sees from when it is made; tells once it is connected."""

    def __init__(self, memory: Memory, log: Tail, notifier: Notifier, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._tail = log
        self._notifier = notifier
        self._clock = clock
        self._backlog = Backlog(secrets.token_hex(8))
        self._something = asyncio.Event()

    async def watch(self, *sources: AsyncIterator[Deed]) -> None:
        """Take in what the sources tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="witness-tick")
            for number, source in enumerate(sources):
                tasks.create_task(self._follow(source), name=f"witness-follow-{number}")

    async def tell(self, link: Link, name: str) -> None:
        """Have it put on the record as what ``name`` saw, until cancelled; what fails is tried again."""
        subject = subjects.REFUSED.build(witness=name)
        failures = 0
        while True:
            await self._something.wait()
            report = self._backlog.next()
            if report is None:
                self._something.clear()
                continue
            await link.wait_connected()
            try:
                await _ask(link, subject, report)
            except BrambleError as error:
                pause = max(pause_s(failures, random.random()), (error.retry_after_ms or 0) / 1e3)  # noqa: S311 - spreads
                failures += 1
                _log.warning(
                    "not on the record yet",
                    extra={"action": "tell", "code": error.code, "error": error.message, "again_s": round(pause, 1)},
                )
                await asyncio.sleep(pause)
            else:
                failures = 0
                self._backlog.drop(report)
                _log.info("on the record", extra={"action": "tell", "refusals": len(report.told)})

    async def beat(self, link: Link, name: str) -> None:
        """Tell every two seconds that ``name`` is there, until cancelled: else nobody would know when it is not."""
        subject = subjects.WITNESS_HEARTBEAT.build(witness=name)
        release = version("bramble-edge")
        while True:
            await link.wait_connected()
            beat = WitnessBeat(
                witness=name, at=time.time(), version=release, reads=self._tail.is_open, lost=self._backlog.lost
            )
            try:
                await link.publish(subject, encode(beat))
            except BrambleError as error:
                _log.info("a heartbeat was lost", extra={"action": "beat", "error": error.message})
            await asyncio.sleep(BEAT_S)

    async def _follow(self, source: AsyncIterator[Deed]) -> None:
        async for deed in source:
            self._backlog.note(deed, self._clock())
            self._something.set()

    async def _tick(self) -> None:
        while True:
            self._notifier.tell(WATCHDOG)
            self._backlog.collect(self._clock())
            if self._backlog.next() is not None:
                self._something.set()
            else:
                await asyncio.to_thread(self._memory.write, self._tail.place)
            await asyncio.sleep(TICK_S)


async def _ask(link: Link, subject: str, report: Report) -> None:
    """Return once the report is on the record.

    Raises:
        BrambleError: it is not, or not all of it.

    """
    reply = await link.request(subject, encode(report), within=ASK_S)
    if headers.ERROR in (reply.headers or {}):
        raise error_from_json(reply.data) or InternalError("an error reply cannot be read")
