"""``:`` asks where to go."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label

from tui.jump import Target, find_target


class JumpScreen(ModalScreen[Target | None]):
    """Asks for a view, a node or a camera; says while one types where Enter leads."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="jump.cancel")]

    def __init__(self, targets: tuple[Target, ...]) -> None:
        super().__init__()
        self._targets = targets

    def compose(self) -> ComposeResult:
        """Lay out the field."""
        with Vertical(classes="box"):
            yield Input(
                placeholder="a view, a node or a camera",
                suggester=SuggestFromList([target.name for target in self._targets], case_sensitive=False),
                compact=True,
            )
            yield Label("", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say where it leads."""
        target = find_target(event.value, self._targets)
        self.query_one(Label).update(f"→ {target}" if target else "nothing of this name" if event.value else "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go."""
        target = find_target(event.value, self._targets)
        if target or not event.value:
            self.dismiss(target)
