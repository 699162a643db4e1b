"""From the command line to the cluster and back: which context, one connection, one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cli.cluster import Cluster
from wire.bus import Bus
from wire.context import Context, load_context

T = TypeVar("T")


@asynccontextmanager
async def open_cluster(context: Context | str | None) -> AsyncIterator[Cluster]:
    """Connect for the time of an ``async with``, which is ended when the connection is closed for good.

    Raises:
        BadRequestError: the context cannot be read.
        NotAuthorisedError: the server refused the user, or does not know it any more.
        BusError: no server could be reached.

    """
    found = context if isinstance(context, Context) else load_context(context)
    async with Bus.connect(found, name="bramble") as bus:
        guard = asyncio.timeout(None)

        def give_up() -> None:
            if not guard.expired():
                guard.reschedule(asyncio.get_running_loop().time())

        try:
            async with guard:
                bus.call_on_end(give_up)
                yield Cluster(bus)
        except TimeoutError:
            if guard.expired() and bus.ended is not None:
                raise bus.ended from None
            raise


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(work)
