"""A picture in half-blocks: each cell shows one pixel above another. Without colour, in letters.

Where the terminal shows real pictures, one lies over these cells. Kitty's lie on a layer of their own until they are
taken away; a sixel is gone where a cell is written again, so it is drawn anew whenever that has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.graphics import Graphics

if TYPE_CHECKING:
    from tui.picture import Pixels

_NUMBER = 0xB2A
"""Of our picture among those that the terminal holds."""


@dataclass(frozen=True, slots=True)
class _Lay:
    """A picture over cells of the screen; its number tells it from those before."""

    number: int
    stale: bool
    place: Region
    pixels: Pixels = field(compare=False)


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
        self._laid: _Lay | None = None  # what lies there
        self._encoded: tuple[_Lay, str] | None = None
        self._drawing = False
        self._number = 0  # of the picture

    def render_line(self, y: int) -> Strip:
        """Return one line of cells."""
        self._prepare()
        width = self.size.width
        return self._lines[y] if y < len(self._lines) else Strip.blank(width, self.rich_style)

    def watch_pixels(self) -> None:
        """Draw the picture; where a real one covers the cells, they can stay."""
        self._number += 1
        if self.pixels is None:
            self.take_away()
        if self._laid is None or self._laid.place != self._find_place():
            self.refresh()
        self._lay_over()

    def watch_stale(self) -> None:
        """Draw the picture dimmed, or as bright as it is."""
        self._lay_over()

    def on_resize(self, _event: Resize) -> None:
        """Draw the picture in its new size."""
        self._lay_over()

    def note_painted(self, touches: Callable[[Region], bool]) -> None:
        """Learn which cells of the screen were written: a sixel there is torn, and a picture may have moved."""
        if self._laid is None:
            return
        if self._laid.place != self._find_place():
            self._lay_over()
        elif self._graphics.protocol == "sixel" and touches(self._laid.place):
            self._laid = None
            self._lay_over()

    def take_away(self) -> None:
        """Take a real picture away: something else is to be seen in its place."""
        if self._laid is not None and self._graphics.protocol == "kitty":
            from tui.kitty import erase_kitty  # noqa: PLC0415 - numpy comes with the first picture

            self._write(erase_kitty(_NUMBER))
        self._laid = None

    def on_unmount(self) -> None:
        """Leave nothing behind."""
        self.take_away()

    def show_again(self) -> None:
        """Draw the picture that was taken away."""
        self.refresh()
        self.call_after_refresh(self._lay_over)

    def _find_place(self) -> Region:
        """Return where the picture is to be, in cells of the screen; an empty region where there is none."""
        area = self.content_region
        if self.pixels is None or not area:
            return Region()
        from tui.picture import fit_cells  # noqa: PLC0415 - likewise

        return Region(area.x, area.y, *fit_cells(self.pixels, *area.size))

    def _lay_over(self) -> None:
        """Draw the real picture: at once if it is encoded, else in the background; of several only the last."""
        if not self._graphics.protocol or self._drawing:
            return
        if self._encoded and self._encoded[0] == self._find_lay():
            self._write_picture()
        else:
            self._drawing = True
            self.run_worker(self._draw(), name="picture", group="picture")

    def _find_lay(self) -> _Lay | None:
        """Return what is to lie there now."""
        if self.pixels is None or not self.is_attached or not self.screen.is_active:
            return None
        place = self._find_place()
        return _Lay(self._number, self.stale, place, self.pixels) if place else None

    async def _draw(self) -> None:
        """Encode until what is encoded is what is to be shown, and show it."""
        try:
            while (wanted := self._find_lay()) and not (self._encoded and self._encoded[0] == wanted):
                self._encoded = wanted, await asyncio.to_thread(_encode, wanted, self._graphics)
        finally:
            self._drawing = False
        self._write_picture()

    def _write_picture(self) -> None:
        wanted = self._find_lay()
        if wanted is None or self._encoded is None or self._encoded[0] != wanted or self._laid == wanted:
            return
        if self._laid is not None and self._laid.place != wanted.place:
            self.take_away()
        self._write(self._encoded[1])
        self._laid = wanted

    def _write(self, data: str) -> None:
        driver = self.app._driver  # noqa: SLF001 - Textual has no other way to write beside the cells
        if driver is not None:
            driver.write(data)
            driver.flush()

    def _prepare(self) -> None:
        """Scale once for each picture, size and state."""
        wanted = (self._number, self.stale, *self.size)
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


def _encode(lay: _Lay, graphics: Graphics) -> str:
    from tui.kitty import draw_kitty, fit_pixels  # noqa: PLC0415 - likewise
    from tui.picture import dim  # noqa: PLC0415 - likewise
    from tui.sixel import draw_sixel  # noqa: PLC0415 - likewise

    shown, place = dim(lay.pixels) if lay.stale else lay.pixels, lay.place
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
