"""``bramble-witness``: watch, connect, tell; stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence

from wire.bus.patient import connect_patiently
from wire.context import ANONYMOUS, Context, load_context
from wire.errors import BadRequestError, BrambleError
from wire.logs import configure_logging
from wire.refusals.sources import open_sources
from wire.refusals.tail import Tail
from wire.systemd import READY, STOPPING, Notifier
from wire.tls import make_tls, wants_tls
from witness.memory import Memory
from witness.settings import Settings, parse_settings
from witness.witness import Witness

CANNOT_START = 3

_log = logging.getLogger("bramble.witness")


async def serve(settings: Settings) -> None:
    """Run until a signal asks to stop. What is refused while no server can be reached is told afterwards.

    Raises:
        BrambleError: the context cannot be read or names nobody, or the server does not know us any more.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context = load_context(settings.context)
    if context.user_name == ANONYMOUS:
        raise BadRequestError(
            "the context names no user, so nobody would know whose word it is",
            remedy="let the witness in with `bramble access add NAME --role witness`, and give --context that file",
        )
    memory = Memory(settings.memory)
    notifier = Notifier(os.environ)
    with contextlib.closing(await Tail.open(settings.server_log, memory.read())) as tail:
        witness = Witness(memory, tail, notifier, time.monotonic)
        tls = make_tls(context) if wants_tls(context) else None
        sources = await open_sources(tail, settings.server_monitor, tls)
        watching = asyncio.create_task(witness.watch(*sources), name="witness-watch")
        watching.add_done_callback(lambda _: stop.set())
        try:
            await _tell(witness, context, notifier, stop)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


async def _tell(witness: Witness, context: Context, notifier: Notifier, stop: asyncio.Event) -> None:
    async with connect_patiently(context, name="witness", notifier=notifier, stop=stop) as bus:
        if bus is None:
            return
        notifier.tell(READY, "STATUS=watching")
        _log.info("watching", extra={"action": "start", "user": context.user_name})
        tasks = [
            asyncio.create_task(witness.tell(bus.control, context.user_name), name="witness-tell"),
            asyncio.create_task(witness.beat(bus.control, context.user_name), name="witness-beat"),
        ]
        for task in tasks:
            task.add_done_callback(lambda _: stop.set())
        try:
            await stop.wait()
        finally:
            notifier.tell(STOPPING)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    settings = parse_settings(arguments)
    configure_logging(settings.log_level, journal=settings.journal)
    try:
        asyncio.run(serve(settings))
    except BrambleError as error:
        _log.critical(error.message, extra={"action": "start", "code": error.code, "remedy": error.remedy})
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main()
