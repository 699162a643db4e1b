"""Tables and numbers for people: colours on a terminal, aligned plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from cli.output import printable

NONE = "-"  # what a cell without a value shows

# A cell that is exactly one of these words gets its colour.
_STYLES = {
    "live": "green",
    "ready": "green",
    "ok": "green",
    "starting": "yellow",
    "suspect": "yellow",
    "draining": "yellow",
    "blind": "bold red",
    "dead": "bold red",
}
_KIBI = 1024


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under the names of their columns; every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def print_table(table: Table, *, console: Console | None = None) -> None:
    """Print a table on stdout."""
    console = console or Console()
    if console.is_terminal:
        console.print(render_table(table))
    else:
        for line in align(table):
            console.file.write(line + "\n")


def render_table(table: Table, *, title: str | None = None) -> RichTable:
    """Return the table as rich draws it."""
    drawn = RichTable(*table.columns, box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
    return drawn


def align(table: Table) -> list[str]:
    """Return the table as plain lines, two spaces between columns."""
    lines = [table.columns, *([printable(cell).replace("\n", " ") for cell in row] for row in table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def format_ms(value: float | None) -> str:
    """Milliseconds, to three digits; ``-`` for none and for zero, which stands for not yet measured."""
    return f"{value:.3g} ms" if value and value < 100 else f"{value:.0f} ms" if value else NONE  # noqa: PLR2004 - 3 digits


def format_seconds(value: float) -> str:
    """A duration, coarser the longer it is."""
    if value < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def format_time(at: float) -> str:
    """Return seconds since the epoch as local time, to the minute."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def format_bytes(value: float) -> str:
    """A size in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if value < _KIBI:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIBI
    return f"{value:.1f} GiB"


def join_counts(counts: Sequence[tuple[str, int]]) -> str:
    """Return ``2 person, 1 bicycle``; ``-`` for none."""
    return ", ".join(f"{count} {name}" for name, count in counts) or NONE
