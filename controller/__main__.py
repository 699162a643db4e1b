"""``python -m controller``: connect, serve, stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys

from controller.controller import Controller
from controller.leases.place import Place
from controller.settings import Settings, parse_settings
from wire import subjects
from wire.bus.patient import connect_patiently
from wire.context import load_context
from wire.errors import BrambleError
from wire.logbook import Logbook, answer_logs
from wire.logs import configure_logging
from wire.systemd import Notifier

_log = logging.getLogger("bramble.controller")


async def serve(settings: Settings, book: Logbook) -> None:
    """Run a controller until a signal asks it to stop; a server that is not there yet is waited for.

    ``book`` is what is told of the log.

    Raises:
        BrambleError: the context cannot be read, or the server has no JetStream.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context = load_context(settings.context)
    notifier = Notifier(os.environ)
    async with connect_patiently(context, name=f"controller-{settings.id}", notifier=notifier, stop=stop) as bus:
        if bus is not None:
            place = Place(settings.id, context.servers)
            try:
                await answer_logs(bus.control, subjects.CONTROLLER_LOGS.build(controller=settings.id), book)
                controller = await Controller.open(settings, bus, notifier, place=place.name)
                await _run_until(stop, controller)
            finally:
                place.close()


async def _run_until(stop: asyncio.Event, controller: Controller) -> None:
    running = asyncio.create_task(controller.run(), name="controller")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        _log.info("asked to stop", extra={"action": "signal"})
        running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def main() -> None:
    """Run the program."""
    settings = parse_settings()
    book = Logbook()
    configure_logging(settings.log_level, journal=settings.journal, book=book)
    try:
        asyncio.run(serve(settings, book))
    except BrambleError as error:
        _log.critical(error.message, extra={"action": "start", "code": error.code, "remedy": error.remedy})
        sys.exit(3)


if __name__ == "__main__":
    main()
