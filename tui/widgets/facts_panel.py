"""Labels and values; two pairs a line where they fit."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import Static

from tui.facts import Fact, pair_facts


class FactsPanel(Static):
    """Shows facts."""

    facts: reactive[tuple[Fact, ...]] = reactive(())

    def on_resize(self, _event: Resize) -> None:
        """Lay the facts out anew."""
        self._lay_out()

    def watch_facts(self) -> None:
        """Show the facts."""
        self._lay_out()

    def _lay_out(self) -> None:
        lines = pair_facts(self.facts, self.size.width)
        if all(len(line) == 1 for line in lines):
            self.update(_make_grid(self.facts))
            return
        outer = Table.grid(expand=True)
        outer.add_column()
        width = max(len(label) for label, _ in self.facts)
        for line in lines:
            inner = Table.grid(padding=(0, 1), expand=True)
            for _ in line:
                inner.add_column(style="dim", no_wrap=True, width=width)
                inner.add_column(ratio=1, overflow="fold")
            inner.add_row(*(cell for label, value in line for cell in (label, Text(value))))
            outer.add_row(inner)
        self.update(outer)


def _make_grid(facts: tuple[Fact, ...]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in facts:
        grid.add_row(label, Text(value))
    return grid
