"""What programs log, as it crosses the network, and the lines of many as one. Nothing here opens a connection."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wire import subjects
from wire.errors import BadRequestError
from wire.messages import Count, Message
from wire.status import ClusterStatus

MAX_LINES = 500
"""That a program keeps, and that can be asked for at once."""

Kind = Literal["node", "controller"]


class LogLevel(StrEnum):
    """How urgent a line is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The more urgent, the higher: Python's own number."""
        return int(logging.getLevelNamesMapping()[self.name])


class LogLine(Message, frozen=True, omit_defaults=True):
    """One line as it was logged, without its secrets; ``number`` counts the lines of a run from 1."""

    number: Count
    at: float  # Unix seconds, by the program's own clock
    level: LogLevel
    logger: str
    text: str
    fields: dict[str, str] = msgspec.field(default_factory=dict)


class LogRequest(Message, frozen=True, omit_defaults=True):
    """Asks for the last ``limit`` lines of at least a level that came after line ``after`` of run ``run``."""

    run: str = ""
    after: Count = 0
    level: LogLevel = LogLevel.INFO
    limit: Annotated[int, Meta(ge=1, le=MAX_LINES)] = MAX_LINES


class LogPage(Message, frozen=True):
    """The answer, oldest line first."""

    run: str  # a program that starts again counts anew
    last: Count  # the number of the newest line there is, of whatever level
    lost: Count  # lines after the one asked for that are not kept any more
    lines: tuple[LogLine, ...]


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
