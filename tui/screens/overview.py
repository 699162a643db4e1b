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
from tui.moment import Moment
from tui.rows.cluster import CAMERA_COLUMNS, MODEL_COLUMNS, NODE_COLUMNS, camera_rows, model_rows, node_rows
from tui.rows.logs import LOG_COLUMNS, log_rows
from tui.screens.board_screen import BoardScreen
from tui.widgets.board_table import BoardTable

LATEST = 40
AROUND = 4
"""Lines that headline, problem, tabs and keys take."""
FRAME = 2
"""Lines that a table takes beside its rows."""
LEAST = 2
"""Events that are worth a table."""

_TABLE_OF_ACTION = {"drain": "nodes", "undrain": "nodes", "remove": "cameras"}


class OverviewScreen(BoardScreen):
    """Nodes, cameras and models, the worst first; where there is room, the latest events."""

    HELP_TITLE = "Overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "drain", "Drain", id="drain"),
        Binding("u", "undrain", "Undrain", id="undrain"),
        Binding("x", "remove", "Remove", id="remove"),
    ]

    def compose_body(self) -> ComposeResult:
        """Lay out the tables."""
        yield BoardTable("Nodes", NODE_COLUMNS, widget_id="nodes", empty="no node has joined yet")
        yield BoardTable("Cameras", CAMERA_COLUMNS, widget_id="cameras", empty="no camera yet: press a to add one")
        yield BoardTable("Models", MODEL_COLUMNS, widget_id="models", empty="no model yet: `bramble model push NAME`")
        yield BoardTable("Latest events", LOG_COLUMNS, widget_id="latest", empty="nothing has happened so far")

    def show(self, moment: Moment) -> None:
        """Fill the tables."""
        assessment = moment.assessment
        if assessment is None:
            return
        tables = {
            "#nodes": node_rows(assessment),
            "#cameras": camera_rows(assessment),
            "#models": model_rows(assessment),
        }
        for where, rows in tables.items():
            self.query_one(where, BoardTable).board = rows
        self.query_one("#latest", BoardTable).board = log_rows(moment.board.log[-LATEST:])
        taken = AROUND + sum(FRAME + max(1, len(rows)) for rows in tables.values())
        self.set_class(taken + FRAME + LEAST <= self.size.height, "-roomy")

    def on_resize(self) -> None:
        """See whether there is room for events now."""
        if self.moment:
            self.show(self.moment)

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

    @on(BoardTable.Opened, "#models")
    def open_model(self, event: BoardTable.Opened) -> None:
        """Show the model."""
        self.post_message(Go(Target("model", event.key)))

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
