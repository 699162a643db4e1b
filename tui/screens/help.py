"""The keys, read from the bindings themselves, so that the help cannot be wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

Key = tuple[str, str]
"""The keys, and what they do."""


def list_keys(bindings: Iterable[Binding], display: dict[str, str]) -> tuple[Key, ...]:
    """Gather the keys by what they do: first Bramble's own, which have ids, then Textual's.

    Args:
        bindings: those that are active.
        display: how a key is shown, by its name.

    """
    found: dict[tuple[str, str], list[str]] = {}
    for binding in sorted(bindings, key=lambda binding: binding.id is None):
        if binding.description:
            found.setdefault((binding.action, binding.description), []).append(display.get(binding.key, binding.key))
    return tuple((" ".join(dict.fromkeys(keys)), description) for (_, description), keys in found.items())


class HelpScreen(ModalScreen[None]):
    """Lists the keys of the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", id="help.close"),
        Binding("j,down", "scroll_down", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll_up", "Up", show=False, id="help.up"),
    ]

    def __init__(self, title: str, keys: tuple[Key, ...]) -> None:
        super().__init__()
        self._title = title
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        grid = Table.grid(padding=(0, 2))
        for keys, description in self._keys:
            grid.add_row(Text(keys, style="bold"), Text(description))
        with VerticalScroll(classes="box") as box:
            box.border_title = f"Keys: {self._title}"
            yield Static(grid)

    def action_scroll_down(self) -> None:
        """Scroll on."""
        self.query_one(VerticalScroll).scroll_down()

    def action_scroll_up(self) -> None:
        """Scroll back."""
        self.query_one(VerticalScroll).scroll_up()
