"""What happened, and what was found, as rows, the newest first."""

from __future__ import annotations

from collections.abc import Iterable

from tui.columns import MARK, Column, Row
from tui.findings import describe_findings
from tui.severity import Severity
from tui.state import LogLine
from tui.texts import NONE, format_clock, format_ms, printable
from wire.messages import Result

LOG_COLUMNS = (
    MARK,
    Column("at", "TIME", 8),
    Column("source", "SOURCE", 16),
    Column("kind", "WHAT", 13),
    Column("text", "IN WORDS", 20, grows=True),
)
RESULT_COLUMNS = (
    MARK,
    Column("at", "TIME", 8),
    Column("camera", "CAMERA", 12),
    Column("model", "MODEL", 16, rank=2),
    Column("found", "FOUND", 18, grows=True),
    Column("nodes", "NODES", 8, rank=3),
    Column("total", "TOTAL", 7, right=True),
)

# The kinds of events that call for a look; all others are told, not judged.
_BAD_KINDS = frozenset(
    {"dead", "blind", "rejected", "unserved", "fenced", "cut_refused", "disconnected", "no controller"}
)
_WARN_KINDS = frozenset(
    {
        "suspect", "late", "throttled", "hot", "overloaded", "low memory", "clock off", "losing", "degraded", "refused",
        "delayed", "leaving", "restarted", "draining", "loading", "rolled-back",
    }
)  # fmt: skip


def log_rows(lines: Iterable[LogLine]) -> tuple[Row, ...]:
    """Return a row a line under LOG_COLUMNS, the newest first."""
    numbered = list(enumerate(lines))
    return tuple(_log_row(number, line) for number, line in reversed(numbered))


def result_rows(results: Iterable[Result]) -> tuple[Row, ...]:
    """Return a row a result under RESULT_COLUMNS, the newest first."""
    return tuple(_result_row(result) for result in reversed(list(results)))


def result_key(result: Result) -> str:
    """Return what tells a result from all others."""
    return f"{result.frame}/{result.model}"


def judge_kind(kind: str) -> Severity:
    """Judge an event by its kind."""
    if kind in _BAD_KINDS:
        return Severity.BAD
    return Severity.WARN if kind in _WARN_KINDS else Severity.OK


def _log_row(number: int, line: LogLine) -> Row:
    severity = judge_kind(line.kind)
    words = map(printable, (line.source, line.kind, line.text))
    return Row(f"{number}", severity, (severity.mark, format_clock(line.at), *words))


def _result_row(result: Result) -> Row:
    severity = Severity.BAD if result.error else Severity.WARN if result.redone or result.degraded else Severity.OK
    notes = [word for word, holds in (("asked twice", result.redone), ("cached", result.cached)) if holds]
    notes += [result.degraded.replace("_", " ")] if result.degraded else []
    return Row(
        result_key(result),
        severity,
        (
            severity.mark,
            format_clock(result.captured_at),
            result.camera,
            result.stand_in or result.model,
            describe_findings(result) + (f" ({', '.join(notes)})" if notes else ""),
            ">".join(result.nodes) or NONE,
            format_ms(result.timings.total_ms),
        ),
    )
