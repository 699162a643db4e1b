"""How a screen looks, held against the picture that was kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tests.tui_testing.apps import settle
from tui.app import TopApp

SMALL, WIDE, LARGE = (80, 24), (120, 32), (160, 48)


class Compare(Protocol):
    """pytest-textual-snapshot's ``snap_compare``."""

    def __call__(
        self, app: TopApp | str | Path, *, press: list[str], terminal_size: tuple[int, int], run_before: object
    ) -> bool: ...


def looks_as_before(compare: Compare, app: TopApp, *press: str, size: tuple[int, int] = SMALL) -> bool:
    """Press keys one after another, each once all is shown, and compare."""

    async def run_before(pilot: object) -> None:
        await settle(pilot)  # type: ignore[arg-type]
        for key in press:
            await pilot.press(key)  # type: ignore[attr-defined]
            await settle(pilot)  # type: ignore[arg-type]

    return compare(app, press=[], terminal_size=size, run_before=run_before)
