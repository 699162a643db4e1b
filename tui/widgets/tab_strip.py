"""The views by name and key, in one line."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.events import Click
from textual.reactive import reactive
from textual.widget import Widget

from tui.jump import VIEWS, Target
from tui.messages import Go
from tui.tabs import find_tab, lay_tabs


class TabStrip(Widget):
    """Shows the views, the current one marked; a click goes to one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tab-strip--key", "tab-strip--name", "tab-strip--current"}

    current: reactive[str] = reactive("")

    def render(self) -> Text:
        """Draw the tabs."""
        key, name, current = (
            self.get_component_rich_style(f"tab-strip--{part}", partial=True) for part in ("key", "name", "current")
        )
        line = Text(no_wrap=True, overflow="crop")
        for tab in lay_tabs(VIEWS, self.current, self.size.width):
            line.append(" " * (tab.start - len(line)))
            if tab.name == self.current:
                line.append(f"{tab.number}{tab.text}", current)
            else:
                line.append(tab.number, key)
                line.append(tab.text, name)
        return line

    def on_click(self, event: Click) -> None:
        """Go to the view under the mouse."""
        tab = find_tab(lay_tabs(VIEWS, self.current, self.size.width), event.x)
        if tab:
            self.post_message(Go(Target("view", tab.name)))
