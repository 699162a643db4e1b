"""From the command line to the cluster and back: which context, one connection, one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click

from cli.cluster import Cluster
from wire.bus import Bus
from wire.context import Context, load_context

T = TypeVar("T")

context_option = click.option(
    "--context",
    metavar="NAME|FILE",
    help="The `nats` context of the cluster, or the path of a context file.",
)


@asynccontextmanager
async def open_cluster(context: Context | str | None) -> AsyncIterator[Cluster]:
    """Connect for the time of an ``async with``.

    Raises:
        BadRequestError: the context cannot be read.
        NotAuthorisedError: the server refused the user.
        BusError: no server could be reached.

    """
    found = context if isinstance(context, Context) else load_context(context)
    async with Bus.connect(found, name="bramble") as bus:
        yield Cluster(bus)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(work)
