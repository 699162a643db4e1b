"""Holds a connection to each server, as who can see how long: prints ``there``, and then when each was gone, as JSON.

    python -m tests.hosts.hold ann.json tls://10.77.0.11:4222 tls://10.77.0.12:4222

A connection is gone once no server takes it back.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import msgspec

from wire.bus import Link
from wire.context import Context, load_context

HOLD_S = 120.0


async def hold(context: Context, url: str, there: asyncio.Barrier) -> float:
    """Return when the server had ended the connection, in Unix seconds."""
    gone = asyncio.Event()
    link = await Link.open(msgspec.structs.replace(context, url=url), name="held")
    try:
        link.call_on_end(gone.set)
        await there.wait()
        await gone.wait()
        return time.time()
    finally:
        await link.close()


async def main(name: str, *urls: str) -> None:
    """Hold them."""
    context = load_context(name)
    there = asyncio.Barrier(len(urls) + 1)
    async with asyncio.timeout(HOLD_S), asyncio.TaskGroup() as group:
        held = {url: group.create_task(hold(context, url, there)) for url in urls}
        await there.wait()
        print("there", flush=True)  # noqa: T201 - whoever shuts it out waits for it
    print(json.dumps({url: task.result() for url, task in held.items()}))  # noqa: T201 - the answer


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
