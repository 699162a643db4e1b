"""Tables that fit: which columns a width has room for, and which rows a filter lets through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.severity import Severity

PADDING = 2  # one cell at each side of a column


@dataclass(frozen=True, slots=True)
class Column:
    """A column; the one that ``grows``, or else the last, takes what the others leave.

    ``rank`` 0 is never left out; of the others, the highest goes first.
    """

    key: str
    title: str
    width: int
    rank: int = 0
    grows: bool = False
    right: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what it is about, how bad it is, and a cell for each column of its table."""

    key: str
    severity: Severity
    cells: tuple[str, ...]


MARK = Column("mark", " ", 1)
"""The sign of a row's severity."""


def fit_columns(columns: Sequence[Column], width: int) -> tuple[tuple[int, int], ...]:
    """Choose the columns that fit a table of so many terminal columns.

    Returns:
        Index and width of each that fits, in order. Columns of rank 0 are kept even where they do not fit.

    """
    kept = list(enumerate(columns))
    while kept and _needed(kept) > width:
        worst = max(kept, key=lambda pair: (pair[1].rank, pair[0]))
        if worst[1].rank == 0:
            break
        kept.remove(worst)
    spare = max(0, width - _needed(kept))
    growing = next((index for index, column in kept if column.grows), kept[-1][0] if kept else None)
    return tuple((index, column.width + (spare if index == growing else 0)) for index, column in kept)


def _needed(kept: Sequence[tuple[int, Column]]) -> int:
    return sum(column.width + PADDING for _, column in kept)


def filter_rows(rows: Iterable[Row], text: str) -> tuple[Row, ...]:
    """Return the rows with every word of the filter in one of their cells, in any case."""
    words = text.lower().split()
    return tuple(row for row in rows if all(any(word in cell.lower() for cell in row.cells) for word in words))
