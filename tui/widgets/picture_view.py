"""A picture in half-blocks: each cell shows one pixel above another. Without colour, in letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from tui.picture import Pixels


class PictureView(Widget):
    """Shows ``pixels`` as large as they fit, dimmed while ``stale``."""

    pixels: reactive[Pixels | None] = reactive(None, always_update=True)
    stale: reactive[bool] = reactive(False)

    def __init__(self, *, colour: bool, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._colour = colour
        self._lines: list[Strip] = []
        self._shown: tuple[int, bool, int, int] | None = None

    def render_line(self, y: int) -> Strip:
        """Return one line of cells."""
        self._prepare()
        width = self.size.width
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def _prepare(self) -> None:
        """Scale once for each picture, size and state."""
        wanted = (id(self.pixels), self.stale, *self.size)
        if wanted == self._shown:
            return
        self._shown = wanted
        self._lines = []
        if self.pixels is None or not all(self.size):
            return
        from tui.picture import (  # noqa: PLC0415 - numpy comes with the first picture
            dim,
            fit_cells,
            render_letters,
            scale_half_blocks,
        )

        columns, rows = fit_cells(self.pixels, *self.size)
        pixels = dim(self.pixels) if self.stale else self.pixels
        if self._colour:
            self._lines = _draw_half_blocks(scale_half_blocks(pixels, columns, rows))
        else:
            self._lines = [Strip([Segment(line, self.rich_style)]) for line in render_letters(pixels, columns, rows)]
        self._lines = [line.adjust_cell_length(self.size.width, self.rich_style) for line in self._lines]


def _draw_half_blocks(pixels: Pixels) -> list[Strip]:
    upper, lower = pixels[0::2].tolist(), pixels[1::2].tolist()
    return [
        Strip(
            [
                Segment("▀", Style.from_color(Color.from_rgb(*a), Color.from_rgb(*b)))
                for a, b in zip(above, below, strict=True)
            ]
        )
        for above, below in zip(upper, lower, strict=True)
    ]
