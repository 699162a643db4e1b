"""What nodes and controllers log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from tui.moment import Moment
from tui.rows.lines import LINE_COLUMNS, describe_lack, line_rows, next_level
from tui.screens.board_screen import BoardScreen
from tui.texts import printable
from tui.updates import Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.detail_panel import DetailPanel
from wire.log_lines import LogLevel, Told


class LogsScreen(BoardScreen):
    """The last lines of all programs in order of time, the newest last; below, the one under the cursor in full.

    On the last line the cursor follows what comes; elsewhere it stays where it is.
    """

    HELP_TITLE = "Logs"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "next_level", "Least level", id="log_level")]

    level: reactive[LogLevel] = reactive(LogLevel.INFO, init=False)
    program = ""
    """Whose log it is; empty: everybody's."""
    _shown: tuple[tuple[Told, ...], LogLevel] | None = None  # what the rows were made of

    @property
    def wants(self) -> Wants:
        """Logs."""
        return Wants(logs=self.program)

    def compose_body(self) -> ComposeResult:
        """Lay out the table and the panel."""
        title = f"Log of {self.program}" if self.program else "Logs"
        yield BoardTable(title, LINE_COLUMNS, widget_id="lines", empty="nothing was logged so far", follows=True)
        yield DetailPanel(id="detail", markup=False)

    def show(self, moment: Moment) -> None:
        """Fill the table."""
        board = moment.board
        table = self.query_one("#lines", BoardTable)
        if self._shown is None or self._shown[0] is not board.lines or self._shown[1] is not self.level:
            self._shown = (board.lines, self.level)
            table.board = line_rows(board.lines, level=self.level, program=self.program)
        lack = describe_lack(board.mute, board.lost_lines, board.why_without("logs"), program=self.program)
        least = "" if self.level is LogLevel.INFO else f"{self.level.value} and worse"
        table.note = "; ".join(part for part in (least, lack) if part)
        self.show_detail()

    def action_next_level(self) -> None:
        """Show only what is more urgent; after the most urgent, all again."""
        self.level = next_level(self.level)

    def watch_level(self) -> None:
        """Fill the table again."""
        if self.moment:
            self.show(self.moment)

    def on_board_table_moved(self) -> None:
        """Show the line under the cursor."""
        self.show_detail()

    def show_detail(self) -> None:
        """Show the line under the cursor in full, a field a line."""
        key = self.query_one("#lines", BoardTable).chosen
        told = next((each for each in self.moment.board.lines if each.key == key), None) if self.moment else None
        panel = self.query_one("#detail", DetailPanel)
        panel.display = told is not None
        if told:
            fields = ((f"{printable(name)} =", printable(value)) for name, value in told.line.fields.items())
            panel.parts = (("", printable(told.line.text)), *fields)
            panel.border_title = printable(f"{told.program}: {told.line.logger}, {told.line.level.value}")


class ProgramLogsScreen(LogsScreen):
    """The log of one program, such as ``node/pi1``."""

    HELP_TITLE = "Log of a program"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="back")]

    def __init__(self, program: str) -> None:
        super().__init__()
        self.program = program
