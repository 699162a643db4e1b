"""A picture in half-blocks: each cell shows one pixel above another. Without colour, in letters.

Where the terminal shows real pictures, one lies over these cells. What Textual writes comes to lie over it again, or
below it, but never into its data: whatever is torn is whole with the next picture.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.graphics import Graphics

if TYPE_CHECKING:
    from tui.picture import Pixels

_NUMBER = 0xB2A
"""Of our picture among those that the terminal holds."""


class PictureView(Widget):
    """Shows ``pixels`` as large as they fit, dimmed while ``stale``."""

    pixels: reactive[Pixels | None] = reactive(None, always_update=True, repaint=False)
    stale: reactive[bool] = reactive(False)

    def __init__(self, *, colour: bool, graphics: Graphics, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._colour = colour
        self._graphics = graphics
        self._lines: list[Strip] = []
        self._shown: tuple[int, bool, int, int] | None = None
        self._laid: tuple[Region, bool] | None = None  # where the last real picture lies, and whether it is dimmed
        self._due = False  # one is to be drawn
        self._drawing = False

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return cells; whatever has them drawn again may have torn the picture over them."""
        if self._graphics.protocol:
            self.call_after_refresh(self._lay_over)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return one line of cells."""
        self._prepare()
        width = self.size.width
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def watch_pixels(self) -> None:
        """Draw the picture; where a real one covers the cells, they can stay."""
        if self.pixels is None:
            self.take_away()
        if self._laid is not None and self._laid == (self._find_place(), self.stale):
            self._lay_over()
        else:
            self.refresh()

    def take_away(self) -> None:
        """Take a real picture away: something else is to be seen in its place."""
        if self._laid is not None and self._graphics.protocol == "kitty":
            from tui.kitty import erase_kitty  # noqa: PLC0415 - numpy comes with the first picture

            self._write(erase_kitty(_NUMBER))
        self._laid = None

    def on_unmount(self) -> None:
        """Leave nothing behind."""
        self.take_away()

    def _find_place(self) -> Region:
        """Return where the picture is to be, in cells of the screen; an empty region where there is none."""
        area = self.content_region
        if self.pixels is None or not area:
            return Region()
        from tui.picture import fit_cells  # noqa: PLC0415 - likewise

        return Region(area.x, area.y, *fit_cells(self.pixels, *area.size))

    def _lay_over(self) -> None:
        """Draw the real picture, in the background; while one is drawn, the next waits, and only the last of them."""
        self._due = True
        if not self._drawing:
            self._drawing = True
            self.run_worker(self._draw(), name="picture", group="picture")

    async def _draw(self) -> None:
        try:
            while self._due:
                self._due = False
                place, stale, pixels = self._find_place(), self.stale, self.pixels
                if pixels is None or not place:
                    continue
                data = await asyncio.to_thread(_encode, pixels, stale, place, self._graphics)
                if not (self.is_attached and self.screen.is_active) or place != self._find_place():
                    continue
                if self._laid is not None and self._laid[0] != place:
                    self.take_away()
                self._write(data)
                self._laid = (place, stale)
        finally:
            self._drawing = False

    def _write(self, data: str) -> None:
        driver = self.app._driver  # noqa: SLF001 - Textual has no other way to write beside the cells
        if driver is not None:
            driver.write(data)
            driver.flush()

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


def _encode(pixels: Pixels, stale: bool, place: Region, graphics: Graphics) -> str:  # noqa: FBT001 - runs in a thread
    from tui.kitty import draw_kitty, fit_pixels  # noqa: PLC0415 - likewise
    from tui.picture import dim  # noqa: PLC0415 - likewise
    from tui.sixel import draw_sixel  # noqa: PLC0415 - likewise

    shown = dim(pixels) if stale else pixels
    width, height = place.width * graphics.cell_width, place.height * graphics.cell_height
    if graphics.protocol == "kitty":
        return draw_kitty(fit_pixels(shown, width, height), *place, number=_NUMBER)
    return draw_sixel(shown, place.x, place.y, width, height)


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
