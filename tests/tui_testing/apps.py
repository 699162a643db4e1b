"""The dashboard over a still source, at a time that stands still."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from tests.tui_testing.boards import StillSource, healthy
from tui.app import TopApp
from tui.updates import Connecting, StatusTaken, Update

NOW = 100.0
WHERE = "nats://***@pi:4222"


def make_app(*updates: Update, source: StillSource | None = None, clock: Callable[[], float] = lambda: NOW) -> TopApp:
    """Make the app; without updates and source it shows a healthy cluster."""
    given = source or StillSource(*(updates or (Connecting(WHERE), StatusTaken(healthy()))))
    return TopApp(lambda: given, clock=clock)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything known is on the screen; the test's own time limit bounds it."""
    app = pilot.app
    assert isinstance(app, TopApp)
    await pilot.pause()
    while not app.is_painted:
        await pilot.pause()
    await pilot.pause()
