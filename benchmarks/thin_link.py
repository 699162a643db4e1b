"""A way to the server with a rate and a latency of its own: a proxy between a node and the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import msgspec

from wire.context import Context

_CHUNK = 16 << 10


@contextlib.asynccontextmanager
async def thin_link(
    context: Context, bytes_s: float, latency_s: float = 0.0, *, sending_bytes_s: float | None = None
) -> AsyncIterator[Context]:
    """Serve a proxy for the time of an ``async with``; the context that it yields leads through it.

    ``sending_bytes_s`` is the rate from the node to the server, where it is not the same.
    """
    address = urlsplit(context.url)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(address.hostname, address.port)
        for source, sink, rate in ((reader, back, sending_bytes_s or bytes_s), (there, writer, bytes_s)):
            task = asyncio.create_task(_carry(source, sink, rate, latency_s))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_CHUNK)
    port = server.sockets[0].getsockname()[1]
    credentials, _, _ = address.netloc.rpartition("@")
    netloc = f"{credentials}@127.0.0.1:{port}" if credentials else f"127.0.0.1:{port}"
    try:
        yield msgspec.structs.replace(context, url=urlunsplit(address._replace(netloc=netloc)))
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_s: float, latency_s: float) -> None:
    """Copy at a rate; what was read leaves after the time that its bytes take, and the latency."""
    loop = asyncio.get_running_loop()
    free_at = 0.0
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

    async def write() -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(data)
            await writer.drain()

    writing = asyncio.create_task(write())
    try:
        while data := await reader.read(_CHUNK):
            free_at = max(free_at, loop.time()) + len(data) / bytes_s
            await queue.put((free_at + latency_s, data))
            await asyncio.sleep(max(0.0, free_at - loop.time()))  # the next bytes wait until these are through
    finally:
        writing.cancel()
        writer.close()
