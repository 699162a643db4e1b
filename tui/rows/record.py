"""The audit record as rows, the newest first."""

from __future__ import annotations

from collections.abc import Iterable

from tui.columns import MARK, Column, Row
from tui.severity import Severity
from tui.texts import NONE, format_clock, printable
from wire.audit import Entry, Outcome

RECORD_COLUMNS = (
    MARK,
    Column("at", "TIME", 8),
    Column("who", "WHO", 14),
    Column("kind", "WHAT", 14),
    Column("target", "ON", 16, rank=1),
    Column("digest", "DIGEST", 12, rank=3),
    Column("detail", "IN WORDS", 14, grows=True),
)


def record_rows(entries: Iterable[Entry]) -> tuple[Row, ...]:
    """Return a row an entry under RECORD_COLUMNS."""
    return tuple(_record_row(entry) for entry in reversed(list(entries)))


def _record_row(entry: Entry) -> Row:
    deed = entry.deed
    refused = deed.outcome is Outcome.REFUSED
    severity = Severity.WARN if refused else Severity.OK
    cells = (
        severity.mark,
        format_clock(entry.happened_at),
        deed.who,
        deed.action,
        deed.target or NONE,
        deed.digest[:12] if deed.digest else NONE,
        deed.words or NONE,
    )
    return Row(entry.previous, severity, tuple(map(printable, cells)))
