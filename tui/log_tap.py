"""What programs log, asked for once a second while somebody looks, and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tui.source import Put
from tui.updates import LogsTaken, StatusTaken, Update, Wants, Withheld
from wire.bus import Bus
from wire.cancellation import heed_cancellation
from wire.errors import BrambleError
from wire.log_lines import Program, list_programs
from wire.log_reader import LogReader

PERIOD_S = 1.0


class LogTap:
    """Reads for one connection until cancelled; ``changed`` is set when ``wants`` has."""

    def __init__(self, bus: Bus, put: Put, wants: Callable[[], Wants], changed: asyncio.Event) -> None:
        self._put = put
        self._wants = wants
        self._changed = changed
        self._reader = LogReader(bus.control)
        self._programs: tuple[Program, ...] = ()

    def pass_on(self, update: Update) -> None:
        """Hand an update on, and learn from a status which programs there are."""
        if isinstance(update, StatusTaken):
            self._programs = list_programs(update.status)
        self._put(update)

    async def run(self) -> None:
        """Read what is wanted now, then wait for the next period or another wish."""
        while True:
            heed_cancellation()
            self._changed.clear()
            wanted = self._wants().logs
            if wanted is not None:
                await self._read([each for each in self._programs if wanted in ("", str(each))])
            try:
                await asyncio.wait_for(self._changed.wait(), None if wanted is None else PERIOD_S)
            except TimeoutError:
                continue

    async def _read(self, programs: list[Program]) -> None:
        try:
            self._put(LogsTaken(await self._reader.read(programs)))
        except BrambleError as error:
            self._put(Withheld("logs", "; ".join(part for part in (error.message, error.remedy) if part)))
