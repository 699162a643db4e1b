"""The views as one line of tabs that fits the terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; ``start`` is its first column, and the number's key shows it."""

    number: str  # with the blank that sets it apart, where there is room for that
    name: str
    text: str  # as much of the name as there is room for
    start: int

    @property
    def end(self) -> int:
        """The column after its last."""
        return self.start + len(f"{self.number}{self.text}".rstrip())


def lay_tabs(names: Sequence[str], current: str, width: int) -> tuple[Tab, ...]:
    """Lay tabs out side by side, whole where that fits; else only the current one keeps its whole name."""
    for blank, gap in ((" ", 2), (" ", 1), ("", 1)):
        tabs = _lay(names, names, blank, gap)
        if tabs[-1].end + 1 <= width:
            return tabs
    for room in range(max(map(len, names)), 0, -1):
        tabs = _lay(names, [name if name == current else name[:room] for name in names], "", 1)
        if tabs[-1].end + 1 <= width:
            return tabs
    return _lay(names, [name if name == current else "" for name in names], "", 1)


def find_tab(tabs: Sequence[Tab], column: int) -> Tab | None:
    """Return the tab at a column."""
    return next((tab for tab in tabs if tab.start <= column < tab.end), None)


def _lay(names: Sequence[str], texts: Sequence[str], blank: str, gap: int) -> tuple[Tab, ...]:
    tabs: list[Tab] = []
    at = 1
    for number, (name, text) in enumerate(zip(names, texts, strict=True), 1):
        tabs.append(Tab(f"{number}{blank}", name, text, at))
        at = tabs[-1].end + gap
    return tuple(tabs)
