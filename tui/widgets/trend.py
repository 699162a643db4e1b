"""One series over time: its numbers and its bars. Only lines that changed are drawn again."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.bars import draw_bars
from tui.trends import Curve, Series, summarise


class Trend(Widget):
    """Shows a series; the bars take the widget's colour class ``trend--bars``."""

    COMPONENT_CLASSES = {"trend--bars"}  # noqa: RUF012 - Textual declares it as a ClassVar

    curve: reactive[Curve] = reactive(Curve(), repaint=False)

    def __init__(self, series: Series) -> None:
        super().__init__()
        self.series = series
        self._lines: tuple[str, ...] = ()
        self._styles: tuple[Style, Style] | None = None  # of the numbers and of the bars

    def render_line(self, y: int) -> Strip:
        """Return the numbers, or a line of bars."""
        if self._styles is None:  # to gather them from the widgets around costs more than to draw a line
            base = self.rich_style
            self._styles = (base, base + self.get_component_rich_style("trend--bars", partial=True))
        text = self._lines[y] if y < len(self._lines) else ""
        return Strip([Segment(text, self._styles[y > 0])]).adjust_cell_length(self.size.width, self._styles[0])

    def notify_style_update(self) -> None:
        """Forget what other colours were."""
        super().notify_style_update()
        self._styles = None

    def on_resize(self, _event: Resize) -> None:
        """Lay the bars out anew."""
        self._lines = self._lay_out()
        self.refresh()

    def watch_curve(self) -> None:
        """Draw the lines that changed."""
        before, self._lines = self._lines, self._lay_out()
        if len(before) != len(self._lines):
            self.refresh()
            return
        regions = [Region(0, y, self.size.width, 1) for y, line in enumerate(self._lines) if line != before[y]]
        if regions:
            self.refresh(*regions)

    def _lay_out(self) -> tuple[str, ...]:
        width, height = self.size
        if not width or not height:
            return ()
        values, newest = self.curve.values, self.curve.newest
        title = f"{self.series.title} {summarise(values, self.series.unit)}"
        return (title, *draw_bars(values, width, max(1, height - 1), newest=newest))
