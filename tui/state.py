"""Everything the dashboard knows, folded from a feed's updates. Pure: the same updates give the same state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from tui.changes import notice_changes
from tui.flow import SAMPLES, Sample, take_sample
from tui.severity import Assessment, assess
from tui.trends import Point, measure
from tui.updates import (
    Connecting,
    EntriesTaken,
    EventTaken,
    FailuresTaken,
    JobsTaken,
    LogsTaken,
    Lost,
    PictureMissing,
    PictureTaken,
    Refused,
    ResultsTaken,
    Silent,
    StatusTaken,
    Update,
    Withheld,
)
from wire.audit import Entry
from wire.jobs import JobsReport
from wire.log_lines import Mute, Told, merge_lines
from wire.messages import Result
from wire.status import ClusterStatus

LOG_LINES = 500
RESULTS = 300
POINTS = 600
ENTRIES = 300
PROGRAM_LINES = 1000
STALE_S = 3.0
"""A status older than this is shown as stale; it comes once a second."""


class Phase(StrEnum):
    """How the dashboard stands with its cluster."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    SILENT = "no controller"
    LOST = "disconnected"


@dataclass(frozen=True, slots=True)
class Connection:
    """The way to the cluster."""

    phase: Phase = Phase.CONNECTING
    where: str = ""
    reason: str = ""
    remedy: str = ""
    retry_mono: float | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that happened; ``at`` is Unix seconds."""

    at: float
    source: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One moment of the dashboard's knowledge."""

    connection: Connection = field(default_factory=Connection)
    status: ClusterStatus | None = None
    judged: Assessment | None = None  # the status as it came
    status_mono: float = 0.0  # when it came
    log: tuple[LogLine, ...] = ()  # oldest first
    results: tuple[Result, ...] = ()  # oldest first
    skipped: int = 0  # results that came too fast to be shown
    points: tuple[Point, ...] = ()  # oldest first
    measured: int = 0  # points so far, those that are forgotten too
    picture: PictureTaken | PictureMissing | None = None
    samples: tuple[Sample, ...] = ()  # what the shards had served, oldest first
    jobs: JobsReport | None = None
    failures: FailuresTaken | None = None
    record: tuple[Entry, ...] = ()  # oldest first
    lines: tuple[Told, ...] = ()  # what programs logged, oldest first
    lost_lines: int = 0  # that programs no longer had when they were asked
    mute: tuple[Mute, ...] = ()  # programs that did not tell their log
    withheld: tuple[Withheld, ...] = ()  # what cannot be had now

    def waited(self, now: float) -> float:
        """Return the age of the status in seconds; 0 while there is none."""
        return max(0.0, now - self.status_mono) if self.status else 0.0

    def controller_time(self, now: float) -> float:
        """Return the controller's clock, in Unix seconds: ages must not depend on how well two clocks agree."""
        return self.status.at + self.waited(now) if self.status else 0.0

    def why_without(self, what: str) -> str:
        """Say why something cannot be had; empty where it can."""
        return next((each.reason for each in self.withheld if each.what == what), "")

    def is_stale(self, now: float) -> bool:
        """Tell whether what is shown may not be so any more."""
        return self.status is None or self.connection.phase is not Phase.CONNECTED or self.waited(now) > STALE_S


def fold(board: Dashboard, update: Update, now: float) -> Dashboard:  # noqa: C901, PLR0911, PLR0912 - one arm an update
    """Return the state after an update; ``now`` is the monotonic clock's seconds."""
    match update:
        case StatusTaken(status):
            return _take_status(board, status, now)
        case Connecting(where):
            return replace(board, connection=replace(board.connection, where=where, retry_mono=None))
        case Lost(reason, remedy, retry_mono):
            return _break(board, Connection(Phase.LOST, board.connection.where, reason, remedy, retry_mono), now)
        case Silent(reason, remedy):
            return _break(board, Connection(Phase.SILENT, board.connection.where, reason, remedy), now)
        case EventTaken(source, event):
            return _log(board, LogLine(event.at, source, event.kind, event.text))
        case ResultsTaken(results, skipped):
            kept = (board.results + results)[-RESULTS:]
            return replace(board, results=kept, skipped=board.skipped + skipped)
        case PictureTaken() | PictureMissing():
            return replace(board, picture=update)
        case JobsTaken(report):
            return replace(board, jobs=report, withheld=_without(board, "jobs"))
        case FailuresTaken():
            return replace(board, failures=update, withheld=_without(board, "failures"))
        case EntriesTaken(entries):
            known = {entry.previous for entry in board.record}  # after a lost connection some are read again
            fresh = tuple(entry for entry in entries if entry.previous not in known)
            return replace(board, record=(board.record + fresh)[-ENTRIES:], withheld=_without(board, "record"))
        case LogsTaken(reading):
            return replace(
                board,
                lines=merge_lines((*board.lines, *reading.lines), PROGRAM_LINES) if reading.lines else board.lines,
                lost_lines=board.lost_lines + sum(count for _, count in reading.lost),
                mute=reading.mute,
                withheld=_without(board, "logs"),
            )
        case Withheld(what):
            return replace(board, withheld=(*_without(board, what), update))
        case Refused(subject, reason):
            return _log(board, LogLine(board.controller_time(now), subject, "refused", reason))


def _take_status(board: Dashboard, status: ClusterStatus, now: float) -> Dashboard:
    before, judged = board.judged, assess(status)
    lines = tuple(LogLine(status.at, *change) for change in notice_changes(before, judged)) if before else ()
    point = measure(board.points, status)
    return replace(
        board,
        connection=Connection(Phase.CONNECTED, board.connection.where),
        status=status,
        judged=judged,
        status_mono=now,
        log=(board.log + lines)[-LOG_LINES:],
        points=(*board.points, point)[-POINTS:],
        measured=board.measured + 1,
        samples=(*board.samples, take_sample(status))[-SAMPLES:],
    )


def _break(board: Dashboard, connection: Connection, now: float) -> Dashboard:
    known = board.connection.phase is connection.phase
    broken = replace(board, connection=connection)
    if known or board.status is None:
        return broken
    return _log(broken, LogLine(board.controller_time(now), "dashboard", connection.phase.value, connection.reason))


def _without(board: Dashboard, what: str) -> tuple[Withheld, ...]:
    return tuple(each for each in board.withheld if each.what != what)


def _log(board: Dashboard, line: LogLine) -> Dashboard:
    return replace(board, log=(*board.log, line)[-LOG_LINES:])
