"""Parts of a picture: half-open ranges of rows and columns. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

ROWS, COLUMNS, CHANNELS = 1, 2, 3
"""The axes of a tensor in the layout (batch, rows, columns, channels), the only one that has rows here."""

Pads: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""What is added before and after the rows, and before and after the columns."""

NO_PADS: Pads = ((0, 0), (0, 0))


class Span(NamedTuple):
    """The half-open range [start, end) along one axis."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many rows or columns."""
        return self.end - self.start

    def hull(self, other: Span) -> Span:
        """The least range that holds both."""
        return Span(min(self.start, other.start), max(self.end, other.end))

    def clip(self, length: int) -> tuple[Span, tuple[int, int]]:
        """What of the range lies in [0, length), and how much does not, before and after it."""
        inside = Span(min(max(self.start, 0), length), max(min(self.end, length), 0))
        return inside, (inside.start - self.start, self.end - inside.end)


class Region(NamedTuple):
    """A rectangle of a tensor, in its own rows and columns."""

    rows: Span
    columns: Span

    @property
    def area(self) -> int:
        """How many positions."""
        return self.rows.length * self.columns.length

    def hull(self, other: Region) -> Region:
        """The least rectangle that holds both."""
        return Region(self.rows.hull(other.rows), self.columns.hull(other.columns))

    def relative_to(self, other: Region) -> Region:
        """The same rectangle, counted from where `other` starts."""
        rows, columns = (
            Span(span.start - origin.start, span.end - origin.start) for span, origin in zip(self, other, strict=True)
        )
        return Region(rows, columns)

    def shape(self, whole: Sequence[int]) -> tuple[int, ...]:
        """The shape of this part of a tensor of shape `whole`."""
        return (whole[0], self.rows.length, self.columns.length, *whole[COLUMNS + 1 :])

    def __str__(self) -> str:
        return f"rows {self.rows.start}-{self.rows.end}, columns {self.columns.start}-{self.columns.end}"


class Grid(NamedTuple):
    """Into how many parts a picture is cut, from top to bottom and from left to right."""

    rows: int
    columns: int = 1

    @property
    def parts(self) -> int:
        """How many parts in all."""
        return self.rows * self.columns

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"

    def cells(self, height: int, width: int) -> tuple[Region, ...]:
        """The parts of a tensor, row by row: they touch, do not overlap, and differ by at most one row or column."""
        rows, columns = (_divide(length, count) for length, count in ((height, self.rows), (width, self.columns)))
        return tuple(Region(row, column) for row in rows for column in columns)


def whole_region(shape: Sequence[int]) -> Region:
    """All of a tensor."""
    return Region(Span(0, shape[ROWS]), Span(0, shape[COLUMNS]))


def _divide(length: int, count: int) -> list[Span]:
    return [Span(length * part // count, length * (part + 1) // count) for part in range(count)]
