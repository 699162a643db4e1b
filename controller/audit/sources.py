"""Where a controller hears of what a nats-server on its machine refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

from controller.settings import Settings
from wire.audit import Deed
from wire.context import load_context
from wire.refusals.sources import open_sources as open_refusals
from wire.refusals.tail import Tail
from wire.tls import make_tls, wants_tls


async def open_sources(settings: Settings) -> list[AsyncIterator[Deed]]:
    """Return what the settings name; each tells what happens from now on.

    Raises:
        BadRequestError: the context, or a file that it names, cannot be read.

    """
    context = load_context(settings.context)
    tls = make_tls(context) if wants_tls(context) else None
    log = await Tail.open(settings.server_log) if settings.server_log else None
    return await open_refusals(log, settings.server_monitor, tls)
