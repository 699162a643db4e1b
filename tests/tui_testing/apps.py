"""The dashboard over a still source, at a time that stands still."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from tests.tui_testing.boards import StillSource, healthy
from tui.app import TopApp
from tui.updates import Connecting, StatusTaken, Update
from tui.widgets.board_table import BoardTable

NOW = 100.0
WHERE = "nats://***@pi:4222"


def make_app(*updates: Update, source: StillSource | None = None, clock: Callable[[], float] = lambda: NOW) -> TopApp:
    """Make the app; without updates and source it shows a healthy cluster."""
    given = source or StillSource(*(updates or (Connecting(WHERE), StatusTaken(healthy()))))
    return TopApp(lambda: given, clock=clock)


def still(*, refuse: bool = False) -> StillSource:
    """Make the source of a healthy cluster in which nothing moves."""
    return StillSource(Connecting(WHERE), StatusTaken(healthy()), refuse=refuse)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything known is on the screen; the test's own time limit bounds it."""
    app = pilot.app
    assert isinstance(app, TopApp)
    await pilot.pause()
    while not app.is_painted:
        await pilot.pause()
    await pilot.pause()


async def go_home(pilot: Pilot[None]) -> None:
    """Go back to the overview, with the cursor on the first node."""
    while len(pilot.app.screen_stack) > 1:
        await pilot.press("escape")
        await settle(pilot)
    await pilot.press("1")
    await settle(pilot)
    nodes = pilot.app.screen.query_one("#nodes", BoardTable)
    nodes.focus()
    nodes.cursor = 0
    await settle(pilot)
