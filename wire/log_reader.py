"""Reading the logs of many programs as one: which there are, what is new of each, and all of it in order of time."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from wire import subjects
from wire.bus import Link
from wire.errors import (
    BadRequestError,
    BrambleError,
    InternalError,
    NoRespondersError,
    NotAuthorisedError,
    error_from_json,
)
from wire.headers import ERROR
from wire.logbook import MAX_LINES, LogLevel, LogLine, LogPage, LogRequest
from wire.messages import decode, encode
from wire.status import ClusterStatus

ASK_S = 2.0
"""How long a program has for its answer; all are asked at once."""

Kind = Literal["node", "controller"]


@dataclass(frozen=True, slots=True, order=True)
class Program:
    """A program that keeps its log: a node's agent, or a controller."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def subject(self) -> str:
        """Where it is asked for its log."""
        if self.kind == "node":
            return subjects.NODE_LOGS.build(node=self.name)
        return subjects.CONTROLLER_LOGS.build(controller=self.name)


@dataclass(frozen=True, slots=True)
class Told:
    """A line, and whose it is."""

    program: Program
    run: str
    line: LogLine

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"{self.program}/{self.run}/{self.line.number}"


@dataclass(frozen=True, slots=True)
class Mute:
    """A program that told nothing, and why."""

    program: Program
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What some programs told: lines in order of time, who told nothing, and how many lines of whom were too late."""

    lines: tuple[Told, ...]
    mute: tuple[Mute, ...]
    lost: tuple[tuple[Program, int], ...]


def list_programs(status: ClusterStatus) -> tuple[Program, ...]:
    """Return the programs that a status knows of, dead ones too."""
    controllers = [Program("controller", each.controller) for each in status.controllers]
    return tuple(sorted([*controllers, *(Program("node", each.node) for each in status.nodes)]))


def parse_program(text: str) -> Program | None:
    """Read ``node/pi1`` or ``controller/c1``; None for a bare name.

    Raises:
        BadRequestError: it is neither.

    """
    kind, slash, name = text.partition("/")
    if not slash:
        return None
    if kind == "node":
        return Program("node", name)
    if kind == "controller":
        return Program("controller", name)
    raise BadRequestError(f"{text[:80]!r} is not a program", remedy="write NAME, node/NAME or controller/NAME")


def find_programs(names: Iterable[str], known: Sequence[Program]) -> tuple[Program, ...]:
    """Return the programs of those names, each once; a bare name means all that have it.

    Raises:
        BadRequestError: there is none of a name; near ones are named.

    """
    found: dict[Program, None] = {}
    for name in names:
        fitting = [each for each in known if name in (each.name, str(each))]
        if not fitting:
            spellings = sorted({spelling for each in known for spelling in (each.name, str(each))})
            near = difflib.get_close_matches(name, spellings, n=3) or sorted({each.name for each in known})[:8]
            raise BadRequestError(
                f"there is no node or controller {name[:80]!r}",
                remedy=f"is it one of these: {', '.join(near)}?" if near else "`bramble status` tells what there is",
            )
        found |= dict.fromkeys(fitting)
    return tuple(found)


def merge_lines(lines: Iterable[Told], limit: int) -> tuple[Told, ...]:
    """Return the last lines in order of time, each once. Programs' clocks may differ; their own order is kept."""
    unique = {told.key: told for told in lines}.values()
    return tuple(sorted(unique, key=lambda told: (told.line.at, told.program, told.line.number))[-limit:])


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
