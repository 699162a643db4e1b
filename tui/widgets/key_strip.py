"""The keys of a screen, in one line. One widget: Textual's own footer has one a key, which a first screen pays for."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.events import Click
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

from tui.hints import Hint, find_hint, lay_hints


class KeyStrip(Widget):
    """Shows the keys that do something now; a click on one presses it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-strip--key", "key-strip--text"}

    hints: reactive[tuple[Hint, ...]] = reactive(())

    def on_mount(self) -> None:
        """Follow the screen's bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self.follow)

    def follow(self, screen: Screen[object]) -> None:
        """Show what can be done on a screen now."""
        if screen is not self.screen:
            return
        shown: dict[str, Hint] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in shown:
                display = self.app.get_key_display(binding)
                shown[binding.action] = Hint(binding.key, display, binding.description, stays=binding.id == "help")
        self.hints = tuple(shown.values())

    def render(self) -> Text:
        """Draw the keys."""
        key, text = (self.get_component_rich_style(f"key-strip--{part}", partial=True) for part in ("key", "text"))
        line = Text(no_wrap=True, overflow="crop")
        for place in lay_hints(self.hints, self.size.width):
            line.append(" " * (place.start - line.cell_len))
            line.append(place.hint.shown, key)
            line.append(f" {place.hint.text}", text)
        return line

    def on_click(self, event: Click) -> None:
        """Press the key under the mouse."""
        hint = find_hint(lay_hints(self.hints, self.size.width), event.x)
        if hint:
            self.app.simulate_key(hint.key)
