"""Starts the dashboard in this terminal."""

from __future__ import annotations

import ctypes
import logging
import os
import signal

from textual.logging import TextualHandler

from tui.app import TopApp
from tui.graphics import Graphics
from tui.preferences import find_preferences
from tui.source import Source
from wire.context import Context

_PR_SET_PDEATHSIG = 1  # prctl(2)


def run_live(context: Context, graphics: Graphics) -> None:
    """Show a cluster until the user quits."""

    def make_source() -> Source:
        from tui.feed import LiveFeed  # noqa: PLC0415 - the first screen is painted before the network is imported

        return LiveFeed(context)

    _run(TopApp(make_source, preferences=find_preferences(), graphics=graphics))


def run_demo(graphics: Graphics) -> None:
    """Show the recorded session until the user quits."""

    def make_source() -> Source:
        from tui.recording import load_demo  # noqa: PLC0415 - likewise
        from tui.replay import Replay  # noqa: PLC0415 - likewise

        return Replay(load_demo())

    _run(TopApp(make_source, preferences=find_preferences(), graphics=graphics))


def _run(app: TopApp) -> None:
    if "TEXTUAL_DRIVER" in os.environ:  # we are a session of `--web`
        _die_with_parent()
    logging.basicConfig(handlers=[TextualHandler()], force=True)  # a log line on stderr would tear the screen
    app.run()
    if app.return_code:
        raise SystemExit(app.return_code)


def _die_with_parent() -> None:
    """Have the kernel end this process with the web server: a server that is killed cannot do it any more."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
