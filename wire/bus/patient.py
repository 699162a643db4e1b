"""For services: connect, however long the server takes to come up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from wire.bus.bus import Bus
from wire.context import Context
from wire.errors import BusError, NotAuthorisedError
from wire.systemd import Notifier

FIRST_DELAY_S = 0.5
LAST_DELAY_S = 10.0

_log = logging.getLogger("bramble.bus")


@asynccontextmanager
async def connect_patiently(
    context: Context, *, name: str, notifier: Notifier, stop: asyncio.Event, asks_controllers: bool = False
) -> AsyncIterator[Bus | None]:
    """Connect for the time of an ``async with``, with growing pauses between tries; None when told to stop.

    ``stop`` is also set when a connection is closed for good: the program ends in order, and then:

    Raises:
        NotAuthorisedError: the server does not know this user any more.
        BusError: the server closed the connection for another reason.

    """
    failures = 0
    async with AsyncExitStack() as stack:
        bus: Bus | None = None
        while bus is None and not stop.is_set():
            try:
                async with _until(stop):
                    bus = await stack.enter_async_context(
                        Bus.connect(context, name=name, asks_controllers=asks_controllers)
                    )
            except (BusError, NotAuthorisedError) as error:
                pause = pause_s(failures, random.random())  # noqa: S311 - nothing secret
                _log.warning(
                    "no connection", extra={"action": "connect", "error": str(error), "again_s": round(pause, 1)}
                )
                # Waiting for a server is no failure to start: have systemd wait with us.
                notifier.tell("EXTEND_TIMEOUT_USEC=60000000", "STATUS=waiting for the NATS server")
                await _wait(stop, pause)
                failures += 1
                continue
            if bus is not None:
                _log.info("connected", extra={"action": "connect", "context": repr(context)})
                bus.call_on_end(stop.set)
        yield bus
        if bus is not None and bus.ended is not None:
            raise bus.ended


def pause_s(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures; ``chance``, from 0 to 1, spreads those that come up together."""
    return float(min(LAST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures, 16))) * (0.5 + chance / 2)


@asynccontextmanager
async def _until(stop: asyncio.Event) -> AsyncIterator[None]:
    """Cut the body short, without an error, when told to stop: a server that froze would have us wait for seconds."""
    guard = asyncio.timeout(None)

    async def cut() -> None:
        await stop.wait()
        guard.reschedule(asyncio.get_running_loop().time())

    try:
        async with guard:
            cutting = asyncio.create_task(cut(), name="stop-connecting")
            try:
                yield
            finally:
                cutting.cancel()
    except TimeoutError:
        if not guard.expired():
            raise


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
