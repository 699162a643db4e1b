"""The controllers, and which of them does what."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.jump import Target
from tui.messages import Go
from tui.moment import Moment
from tui.rows.controllers import CONTROLLER_COLUMNS, DUTY_COLUMNS, controller_rows, duty_rows
from tui.rows.foundations import SERVER_COLUMNS, server_rows
from tui.screens.board_screen import BoardScreen
from tui.widgets.board_table import BoardTable
from wire.log_lines import Program


class ControllersScreen(BoardScreen):
    """Controllers, the servers where there are several, and the leases on planning and on each camera."""

    HELP_TITLE = "Controllers"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("o", "open_logs", "Its log", id="open_logs")]

    def compose_body(self) -> ComposeResult:
        """Lay out the tables."""
        yield BoardTable("Controllers", CONTROLLER_COLUMNS, widget_id="controllers")
        yield BoardTable("Servers", SERVER_COLUMNS, widget_id="servers")
        yield BoardTable("Leases: who does what", DUTY_COLUMNS, widget_id="duties")

    def show(self, moment: Moment) -> None:
        """Fill the tables."""
        assessment = moment.assessment
        if assessment is None:
            return
        self.query_one("#controllers", BoardTable).board = controller_rows(assessment)
        servers = self.query_one("#servers", BoardTable)
        servers.board = server_rows(assessment)
        servers.display = bool(servers.board)
        self.query_one("#duties", BoardTable).board = duty_rows(assessment)

    def action_open_logs(self) -> None:
        """Show what the controller under the cursor logs."""
        if name := self.query_one("#controllers", BoardTable).chosen:
            self.post_message(Go(Target("logs", str(Program("controller", name)))))

    @on(BoardTable.Opened, "#controllers")
    def open_controller(self) -> None:
        """Show what the controller logs: there is no more to be seen of it."""
        self.action_open_logs()

    @on(BoardTable.Opened, "#duties")
    def open_camera(self, event: BoardTable.Opened) -> None:
        """Show the camera of the lease."""
        noun, _, name = event.key.partition(" ")
        if noun == "camera":
            self.post_message(Go(Target("camera", name)))
