"""What programs logged, as rows, the newest last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tui.columns import MARK, Column, Row
from tui.severity import Severity
from tui.texts import count_words, format_clock, printable
from wire.log_lines import LogLevel, Mute, Told

LINE_COLUMNS = (
    MARK,
    Column("at", "TIME", 8),
    Column("program", "PROGRAM", 16),
    Column("level", "LEVEL", 8, rank=1),
    Column("logger", "LOGGER", 18, rank=2),
    Column("text", "IN WORDS", 20, grows=True),
)
LEVELS = (LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR)
"""The least levels that can be asked for, one after another."""


def line_rows(lines: Iterable[Told], *, level: LogLevel, program: str = "") -> tuple[Row, ...]:
    """Return a row a line under LINE_COLUMNS: those of at least a level, and of one program where it is named.

    A program is called by its name alone, unless a node and a controller share it.
    """
    shown = [each for each in lines if each.line.level.rank >= level.rank and program in ("", str(each.program))]
    names = Counter(each.name for each in {told.program for told in shown})
    return tuple(
        _line_row(each, str(each.program) if names[each.program.name] > 1 else each.program.name) for each in shown
    )


def judge_level(level: LogLevel) -> Severity:
    """Judge a line by its level."""
    if level is LogLevel.INFO:
        return Severity.OK
    return Severity.WARN if level is LogLevel.WARNING else Severity.BAD


def next_level(level: LogLevel) -> LogLevel:
    """Return the level after this one; the first after the last."""
    return LEVELS[(LEVELS.index(level) + 1) % len(LEVELS)]


def describe_lack(mute: Iterable[Mute], lost: int, withheld: str, *, program: str = "") -> str:
    """Say whose lines are missing, and why; empty where none are."""
    silent = [f"{each.program}: {each.reason}" for each in mute if program in ("", str(each.program))]
    missing = [f"{count_words(lost, 'line')} gone before they could be read"] if lost else []
    return printable("; ".join(part for part in (withheld, *silent, *missing) if part))


def _line_row(told: Told, name: str) -> Row:
    line, severity = told.line, judge_level(told.line.level)
    fields = (f"{name}={value}" for name, value in line.fields.items())
    words = (name, line.level.value, line.logger, " ".join((line.text, *fields)))
    return Row(told.key, severity, (severity.mark, format_clock(line.at), *map(printable, words)))
