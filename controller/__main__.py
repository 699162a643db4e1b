"""``python -m controller``: connect, serve, stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from controller.controller import Controller
from controller.settings import Settings, parse_settings
from wire.bus import Bus
from wire.context import load_context
from wire.errors import BrambleError
from wire.logs import configure_logging

_log = logging.getLogger("bramble.controller")


async def serve(settings: Settings) -> None:
    """Run a controller until a signal asks it to stop.

    Raises:
        BrambleError: the cluster cannot be reached.

    """
    context = load_context(settings.context)
    async with Bus.connect(context, name=f"controller-{settings.id}") as bus:
        controller = await Controller.open(settings, bus)
        running = asyncio.create_task(controller.run(), name="controller")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        try:
            await running
        except asyncio.CancelledError:
            _log.info("asked to stop", extra={"action": "signal"})


def main() -> None:
    """Run the program."""
    settings = parse_settings()
    configure_logging(settings.log_level, journal=settings.journal)
    try:
        asyncio.run(serve(settings))
    except BrambleError as error:
        _log.critical(error.message, extra={"action": "start", "code": error.code, "remedy": error.remedy})
        sys.exit(3)


if __name__ == "__main__":
    main()
