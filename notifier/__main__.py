"""``bramble-notify``: connect, tell, stop on SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from notifier.notifier import Teller
from notifier.settings import Settings, load_settings
from wire.bus.patient import connect_patiently
from wire.context import load_context
from wire.errors import BrambleError
from wire.logs import configure_logging
from wire.systemd import Notifier

CANNOT_START = 3

_log = logging.getLogger("bramble.notify")


async def serve(settings: Settings, context_name: str | None) -> None:
    """Run until a signal asks to stop.

    Raises:
        BrambleError: the context cannot be read, or a CA.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notifier = Notifier(os.environ)
    async with connect_patiently(load_context(context_name), name="notifier", notifier=notifier, stop=stop) as bus:
        if bus is None:
            return
        running = asyncio.create_task(Teller(settings, bus, notifier).run(), name="notifier")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="bramble-notify", description="Tells a webhook, MQTT and Home Assistant what happens in a cluster."
    )
    parser.add_argument("--config", type=Path, required=True, help="TOML file, readable by its owner only")
    parser.add_argument("--context", help="name or path of a nats context")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--journal", action="store_true", help="leave time stamps to the journal")
    found = parser.parse_args(arguments)
    configure_logging(found.log_level, journal=found.journal)
    try:
        asyncio.run(serve(load_settings(found.config), found.context))
    except BrambleError as error:
        _log.critical(error.message, extra={"action": "start", "code": error.code, "remedy": error.remedy})
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main()
