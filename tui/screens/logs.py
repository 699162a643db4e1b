"""What happened, and what was found."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.jump import Target
from tui.messages import Go
from tui.rows import LOG_COLUMNS, RESULT_COLUMNS, log_rows, result_key, result_rows
from tui.screens.board_screen import BoardScreen
from tui.state import Dashboard
from tui.texts import count_words
from tui.updates import Wants
from tui.widgets.board_table import BoardTable


class EventsScreen(BoardScreen):
    """Events of nodes and cameras since the dashboard was opened, the newest first."""

    HELP_TITLE = "Events"

    def compose_body(self) -> ComposeResult:
        """Lay out the table."""
        yield BoardTable("Events since the dashboard was opened", LOG_COLUMNS, widget_id="log")

    def show(self, board: Dashboard, now: float) -> None:  # noqa: ARG002 - an event is as old as its time of day says
        """Fill the table."""
        self.query_one("#log", BoardTable).board = log_rows(board.log)


class ResultsScreen(BoardScreen):
    """Results of all cameras as they come, the newest first; of a flood, the newest of each quarter second."""

    HELP_TITLE = "Results"

    @property
    def wants(self) -> Wants:
        """Results of all cameras."""
        return Wants(results=True)

    def compose_body(self) -> ComposeResult:
        """Lay out the table."""
        yield BoardTable("Results", RESULT_COLUMNS, widget_id="results")

    def show(self, board: Dashboard, now: float) -> None:  # noqa: ARG002 - likewise
        """Fill the table."""
        table = self.query_one("#results", BoardTable)
        table.board = result_rows(board.results)
        table.border_subtitle = (
            f"{count_words(board.skipped, 'result')} came too fast to be shown" if board.skipped else ""
        )

    def on_board_table_opened(self, event: BoardTable.Opened) -> None:
        """Open the camera of the result."""
        if self.moment is None:
            return
        for result in self.moment[0].results:
            if result_key(result) == event.key:
                self.post_message(Go(Target("camera", result.camera)))
                return
