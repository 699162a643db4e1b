"""NATS spoken by hand over a socket, to send what no client library would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from wire.context import Context

WAIT_S = 5.0


class RawClient:
    """One connection; every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def publish(self, subject: str, payload: bytes, *, reply: str = "", headers: bytes | None = None) -> None:
        """Send PUB, or HPUB with the header block exactly as given, and wait until the server has it."""
        where = f"{subject} {reply}".strip()
        if headers is None:
            await self.send(f"PUB {where} {len(payload)}\r\n".encode() + payload + b"\r\n")
        else:
            total = len(headers) + len(payload)
            await self.send(f"HPUB {where} {len(headers)} {total}\r\n".encode() + headers + payload + b"\r\n")
        await self.send(b"PING\r\n")
        await self._skip_to(b"PONG")

    async def request(self, subject: str, payload: bytes, *, headers: bytes | None = None) -> bytes:
        """Return the payload of the first answer."""
        await self.send(b"SUB _INBOX.raw 1\r\n")
        size = len(headers or b"")
        verb = "PUB" if headers is None else f"HPUB {subject} _INBOX.raw {size} {size + len(payload)}"
        line = f"{verb} {subject} _INBOX.raw {len(payload)}" if headers is None else verb
        await self.send(line.encode() + b"\r\n" + (headers or b"") + payload + b"\r\n")
        line_in = await self._skip_to(b"MSG", b"HMSG")
        sizes = line_in.split()
        total = int(sizes[-1])
        skip = int(sizes[-2]) if line_in.startswith(b"HMSG") else 0
        body = await asyncio.wait_for(self._reader.readexactly(total + 2), WAIT_S)
        await self.send(b"UNSUB 1\r\n")
        return body[skip:-2]

    async def _skip_to(self, *wanted: bytes) -> bytes:
        while True:
            line = await asyncio.wait_for(self._reader.readline(), WAIT_S)
            if not line or line.startswith(b"-ERR"):
                raise ConnectionError(f"the server said {line!r}")
            if line.startswith(b"PING"):
                await self.send(b"PONG\r\n")
            elif line.startswith(wanted):
                return line


@asynccontextmanager
async def raw_client(context: Context) -> AsyncIterator[RawClient]:
    """Connect and log in."""
    url = urlsplit(context.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    await asyncio.wait_for(reader.readline(), WAIT_S)
    options = {"user": url.username, "pass": url.password, "headers": True, "no_responders": True, "verbose": False}
    client = RawClient(reader, writer)
    await client.send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
    try:
        yield client
    finally:
        writer.close()
