"""Starts the dashboard in this terminal."""

from __future__ import annotations

import logging

from textual.logging import TextualHandler

from tui.app import TopApp
from tui.source import Source
from wire.context import Context


def run_live(context: Context) -> None:
    """Show a cluster until the user quits."""

    def make_source() -> Source:
        from tui.feed import LiveFeed  # noqa: PLC0415 - the first screen is painted before the network is imported

        return LiveFeed(context)

    _run(TopApp(make_source))


def run_demo() -> None:
    """Show the recorded session until the user quits."""

    def make_source() -> Source:
        from tui.recording import load_demo  # noqa: PLC0415 - likewise
        from tui.replay import Replay  # noqa: PLC0415 - likewise

        return Replay(load_demo())

    _run(TopApp(make_source))


def _run(app: TopApp) -> None:
    logging.basicConfig(handlers=[TextualHandler()], force=True)  # a log line on stderr would tear the screen
    app.run()
    if app.return_code:
        raise SystemExit(app.return_code)
