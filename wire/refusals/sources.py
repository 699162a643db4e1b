"""Where a program hears of what a nats-server on its machine refuses."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator

from wire.audit import Deed
from wire.refusals.closed import Heard, open_page
from wire.refusals.names import Names, fetch_users
from wire.refusals.server_log import read_refusals
from wire.refusals.tail import Tail


async def open_sources(log: Tail | None, monitor: str, tls: ssl.SSLContext | None) -> list[AsyncIterator[Deed]]:
    """Return what tells of refusals, from now on and for ever.

    Args:
        log: the server's.
        monitor: URL of its monitoring endpoint; empty: it is not asked.
        tls: what to trust there.

    Raises:
        BadRequestError: the URL is none.

    """
    trusted = tls if monitor.startswith("https://") else None
    found, heard = [], Heard()
    pages = [await open_page(monitor, trusted, heard)] if monitor else []
    if log is not None:
        names = Names(lambda: fetch_users(monitor, trusted), time.monotonic) if monitor else None
        found.append(read_refusals(log, heard.add, names))
    return [*found, *pages]
