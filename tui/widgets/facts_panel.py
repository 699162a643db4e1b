"""Labels and values, one pair a line."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from tui.facts import Fact


class FactsPanel(Static):
    """Shows facts."""

    facts: reactive[tuple[Fact, ...]] = reactive(())

    def watch_facts(self, facts: tuple[Fact, ...]) -> None:
        """Show the facts."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in facts:
            grid.add_row(label, Text(value))
        self.update(grid)
