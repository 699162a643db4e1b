"""One series over time: its numbers and its bars."""

from __future__ import annotations

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from tui.bars import draw_bars
from tui.trends import Series, summarise


class Trend(Widget):
    """Shows a series; the bars take the widget's colour class ``trend--bars``."""

    COMPONENT_CLASSES = {"trend--bars"}  # noqa: RUF012 - Textual declares it as a ClassVar

    values: reactive[tuple[float, ...]] = reactive(())

    def __init__(self, series: Series) -> None:
        super().__init__()
        self.series = series

    def render(self) -> Text:
        """Draw the numbers, then the bars."""
        title = f"{self.series.title}: {summarise(self.values, self.series.unit)}"
        bars = "\n".join(draw_bars(self.values, self.size.width, max(1, self.size.height - 1)))
        style = self.get_component_rich_style("trend--bars", partial=True)
        return Text.assemble(title, "\n", (bars, style), no_wrap=True, overflow="crop")
