"""The cluster over the last ten minutes."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from tui.moment import Moment
from tui.screens.board_screen import BoardScreen
from tui.texts import format_span
from tui.trends import SERIES, Curve, values_of
from tui.widgets.trend import Trend


class TrendsScreen(BoardScreen):
    """A line for each series."""

    HELP_TITLE = "Trends"

    def compose_body(self) -> ComposeResult:
        """Lay out the series."""
        with VerticalScroll(id="trends"):
            for series in SERIES:
                yield Trend(series)

    def show(self, moment: Moment) -> None:
        """Hand each series its values."""
        points = moment.board.points
        covered = format_span(points[-1].at - points[0].at) if points else "nothing yet"
        self.query_one("#trends").border_title = f"Trends over {covered}"
        for trend in self.query(Trend):
            trend.curve = Curve(values_of(trend.series, points), moment.board.measured - 1)
