"""The row under the cursor, in full."""

from __future__ import annotations

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

Part = tuple[str, str]
"""A label, which may be empty, and a text."""


class DetailPanel(Static):
    """Shows a few parts, each from a line of its own on, wrapped."""

    parts: reactive[tuple[Part, ...]] = reactive(())

    def watch_parts(self, parts: tuple[Part, ...]) -> None:
        """Show the parts."""
        text = Text()
        for label, words in parts:
            if text:
                text.append("\n")
            if label:
                text.append(f"{label} ", "dim")
            text.append(words)
        self.update(text)
