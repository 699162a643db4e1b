"""One node: its health, its shards, and what happened to it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from tui.actions import Drain, Undrain
from tui.facts import node_facts
from tui.jump import Target
from tui.messages import Ask, Go
from tui.moment import Moment
from tui.rows.cluster import SHARD_COLUMNS, shard_rows
from tui.rows.logs import LOG_COLUMNS, log_rows
from tui.screens.board_screen import BoardScreen
from tui.widgets.board_table import BoardTable
from tui.widgets.facts_panel import FactsPanel
from wire.log_lines import Program


class NodeScreen(BoardScreen):
    """Shows the node of that name."""

    HELP_TITLE = "Node"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "drain", "Drain", id="drain"),
        Binding("u", "undrain", "Undrain", id="undrain"),
        Binding("o", "open_logs", "Its log", id="open_logs"),
        Binding("escape", "leave", "Back", id="back"),
    ]

    def __init__(self, node: str) -> None:
        super().__init__()
        self.node = node

    def compose_body(self) -> ComposeResult:
        """Lay out facts, shards and events."""
        with VerticalScroll(id="facts"):
            yield FactsPanel()
        yield BoardTable("Shards", SHARD_COLUMNS, widget_id="shards", empty="it serves nothing")
        yield BoardTable("Events", LOG_COLUMNS, widget_id="log", empty="nothing has happened to it so far")

    def on_mount(self) -> None:
        """Name the node."""
        self.query_one("#facts").border_title = f"Node {self.node}"

    def show(self, moment: Moment) -> None:
        """Fill in what is known of the node."""
        board, assessment = moment.board, moment.assessment
        nodes = assessment.status.nodes if assessment else ()
        found = next((node for node in nodes if node.node == self.node), None)
        panel = self.query_one(FactsPanel)
        if found is None or assessment is None:
            panel.facts = (("State", "the controller knows no node of this name" if board.status else "not known yet"),)
        else:
            panel.facts = node_facts(found, assessment)
        self.query_one("#shards", BoardTable).board = shard_rows(found) if found else None
        self.query_one("#log", BoardTable).board = log_rows(line for line in board.log if line.source == self.node)

    def action_open_logs(self) -> None:
        """Show what its agent logs."""
        self.post_message(Go(Target("logs", str(Program("node", self.node)))))

    def action_drain(self) -> None:
        """Drain this node."""
        self.post_message(Ask(Drain(self.node)))

    def action_undrain(self) -> None:
        """Undrain this node."""
        self.post_message(Ask(Undrain(self.node)))
