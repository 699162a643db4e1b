"""The first screen: is all well, and if not, where."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import DescendantFocus

from tui.actions import Drain, RemoveCamera, Undrain
from tui.jump import Target
from tui.messages import Ask, Go
from tui.rows import CAMERA_COLUMNS, MODEL_COLUMNS, NODE_COLUMNS, camera_rows, model_rows, node_rows
from tui.screens.board_screen import BoardScreen
from tui.state import Dashboard
from tui.widgets.board_table import BoardTable

_TABLE_OF_ACTION = {"drain": "nodes", "undrain": "nodes", "remove": "cameras"}


class OverviewScreen(BoardScreen):
    """Nodes, cameras and models, the worst first."""

    HELP_TITLE = "Overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "drain", "Drain", id="drain"),
        Binding("u", "undrain", "Undrain", id="undrain"),
        Binding("x", "remove", "Remove", id="remove"),
    ]

    def compose_body(self) -> ComposeResult:
        """Lay out the tables."""
        yield BoardTable("Nodes", NODE_COLUMNS, widget_id="nodes")
        yield BoardTable("Cameras", CAMERA_COLUMNS, widget_id="cameras")
        yield BoardTable("Models", MODEL_COLUMNS, widget_id="models")

    def show(self, board: Dashboard, now: float) -> None:
        """Fill the tables."""
        status = board.status
        if status is None:
            return
        waited = board.waited(now)
        self.query_one("#nodes", BoardTable).board = node_rows(status, waited_s=waited)
        self.query_one("#cameras", BoardTable).board = camera_rows(status, board.controller_time(now))
        self.query_one("#models", BoardTable).board = model_rows(status)

    def on_descendant_focus(self, _event: DescendantFocus) -> None:
        """Offer the keys of the table that has the cursor."""
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Offer an action only where it applies."""
        table = _TABLE_OF_ACTION.get(action)
        return table is None or (self.focused is not None and self.focused.id == table)

    @on(BoardTable.Opened, "#nodes")
    def open_node(self, event: BoardTable.Opened) -> None:
        """Show the node."""
        self.post_message(Go(Target("node", event.key)))

    @on(BoardTable.Opened, "#cameras")
    def open_camera(self, event: BoardTable.Opened) -> None:
        """Show the camera."""
        self.post_message(Go(Target("camera", event.key)))

    def action_drain(self) -> None:
        """Drain the node under the cursor."""
        if node := self.query_one("#nodes", BoardTable).chosen:
            self.post_message(Ask(Drain(node)))

    def action_undrain(self) -> None:
        """Undrain the node under the cursor."""
        if node := self.query_one("#nodes", BoardTable).chosen:
            self.post_message(Ask(Undrain(node)))

    def action_remove(self) -> None:
        """Remove the camera under the cursor."""
        if camera := self.query_one("#cameras", BoardTable).chosen:
            self.post_message(Ask(RemoveCamera(camera)))
