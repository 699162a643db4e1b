"""Where the tiles of a picture are."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A part of a picture in its own pixels: columns [x0, x1), rows [y0, y1)."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """In pixels."""
        return self.y1 - self.y0


def cut_picture(width: int, height: int, *, columns: int, rows: int, overlap: float) -> tuple[Box, ...]:
    """Tiles of equal size that cover a picture, row by row; neighbours share at least `overlap` (0 to below 1) of one.

    A picture with fewer pixels than tiles across is cut into that many.
    """
    across, down = (_cut(length, count, overlap) for length, count in ((width, columns), (height, rows)))
    return tuple(Box(left, top, right, bottom) for top, bottom in down for left, right in across)


def _cut(length: int, count: int, overlap: float) -> list[tuple[int, int]]:
    count = min(count, length)
    if count == 1:
        return [(0, length)]
    size = min(length, -int(-length // (count - (count - 1) * overlap)))
    starts = [round(index * (length - size) / (count - 1)) for index in range(count)]
    return [(start, start + size) for start in starts]
