"""What happened, and what was found."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.jump import Target
from tui.messages import Go
from tui.moment import Moment
from tui.rows.logs import LOG_COLUMNS, RESULT_COLUMNS, log_rows, result_key, result_rows
from tui.rows.record import RECORD_COLUMNS, record_rows
from tui.screens.board_screen import BoardScreen
from tui.texts import count_words, printable
from tui.updates import Wants
from tui.widgets.board_table import BoardTable


class EventsScreen(BoardScreen):
    """Events since the dashboard was opened, and below who did what: the newest first."""

    HELP_TITLE = "Events and record"

    @property
    def wants(self) -> Wants:
        """The record."""
        return Wants(record=True)

    def compose_body(self) -> ComposeResult:
        """Lay out the tables."""
        yield BoardTable(
            "Events since the dashboard was opened", LOG_COLUMNS, widget_id="log", empty="nothing has happened so far"
        )
        yield BoardTable(
            "On the record: who did what", RECORD_COLUMNS, widget_id="record", empty="nothing is on it yet"
        )

    def show(self, moment: Moment) -> None:
        """Fill the tables."""
        self.query_one("#log", BoardTable).board = log_rows(moment.board.log)
        record = self.query_one("#record", BoardTable)
        record.board = record_rows(moment.board.record)
        record.note = printable(moment.board.why_without("record"))


class ResultsScreen(BoardScreen):
    """Results of all cameras as they come, the newest first; of a flood, the newest of each quarter second."""

    HELP_TITLE = "Results"

    @property
    def wants(self) -> Wants:
        """Results of all cameras."""
        return Wants(results=True)

    def compose_body(self) -> ComposeResult:
        """Lay out the table."""
        yield BoardTable("Results", RESULT_COLUMNS, widget_id="results", empty="no result yet")

    def show(self, moment: Moment) -> None:
        """Fill the table."""
        board = moment.board
        table = self.query_one("#results", BoardTable)
        table.board = result_rows(board.results)
        table.note = f"{count_words(board.skipped, 'result')} came too fast to be shown" if board.skipped else ""

    def on_board_table_opened(self, event: BoardTable.Opened) -> None:
        """Open the camera of the result."""
        if self.moment is None:
            return
        for result in self.moment.board.results:
            if result_key(result) == event.key:
                self.post_message(Go(Target("camera", result.camera)))
                return
