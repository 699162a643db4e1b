"""Where a controller hears of what a nats-server on its machine refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

from controller.audit.closed import Heard, open_page
from controller.audit.server_log import open_log
from controller.settings import Settings
from wire.audit import Deed
from wire.context import load_context
from wire.tls import make_tls


async def open_sources(settings: Settings) -> list[AsyncIterator[Deed]]:
    """Return what the settings name; each tells what happens from now on.

    Raises:
        BadRequestError: the context, or a file that it names, cannot be read.

    """
    found, heard = [], Heard()
    if settings.server_log:
        found.append(await open_log(settings.server_log, heard.add))
    if url := settings.server_monitor:
        tls = make_tls(load_context(settings.context)) if url.startswith("https://") else None
        found.append(await open_page(url, tls, heard))
    return found
