"""Asks many programs for what is new in their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from wire.bus import Link
from wire.errors import (
    BrambleError,
    InternalError,
    NoRespondersError,
    NotAuthorisedError,
    error_from_json,
)
from wire.headers import ERROR
from wire.log_lines import (
    MAX_LINES,
    LogLevel,
    LogPage,
    LogRequest,
    Mute,
    Program,
    Reading,
    Told,
    merge_lines,
)
from wire.messages import decode, encode

ASK_S = 2.0
"""How long a program has for its answer; all are asked at once."""


class LogReader:
    """Asks programs for what is new since it asked them last."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._read_to: dict[Program, tuple[str, int]] = {}

    async def read(
        self, programs: Iterable[Program], *, level: LogLevel = LogLevel.INFO, limit: int = MAX_LINES
    ) -> Reading:
        """Ask programs at once, each for its last ``limit`` lines; who does not answer in ASK_S is mute.

        Raises:
            NotAuthorisedError: this user may not read logs.

        """
        asked = list(programs)
        answers = await asyncio.gather(*(self._ask(each, level, limit) for each in asked))
        lines: list[Told] = []
        mute, lost = [], []
        for program, answer in zip(asked, answers, strict=True):
            if isinstance(answer, NotAuthorisedError):
                raise answer
            if isinstance(answer, BrambleError):
                why = "nobody is there" if isinstance(answer, NoRespondersError) else answer.message
                mute.append(Mute(program, why))
                continue
            self._read_to[program] = (answer.run, answer.last)
            lines += [Told(program, answer.run, line) for line in answer.lines]
            if answer.lost:
                lost.append((program, answer.lost))
        return Reading(merge_lines(lines, limit * max(1, len(asked))), tuple(mute), tuple(lost))

    async def _ask(self, program: Program, level: LogLevel, limit: int) -> LogPage | BrambleError:
        run, after = self._read_to.get(program, ("", 0))
        request = LogRequest(run=run, after=after, level=level, limit=limit)
        try:
            reply = await self._link.request(program.subject, encode(request), within=ASK_S)
            if ERROR in (reply.headers or {}):
                return error_from_json(reply.data) or InternalError("an error reply cannot be read")
            return decode(reply.data, LogPage)
        except BrambleError as error:
            return error
