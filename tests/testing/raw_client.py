"""NATS spoken by hand over a socket, to send what no client library would."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.testing.secured import read_credentials
from wire.context import Context

WAIT_S = 30.0


class RawClient:
    """One connection; every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inbox: str) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox = inbox

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
        inbox = f"{self._inbox}.raw"
        await self.send(f"SUB {inbox} 1\r\n".encode())
        size = len(headers or b"")
        verb = "PUB" if headers is None else f"HPUB {subject} {inbox} {size} {size + len(payload)}"
        line = f"{verb} {subject} {inbox} {len(payload)}" if headers is None else verb
        await self.send(line.encode() + b"\r\n" + (headers or b"") + payload + b"\r\n")
        line_in = await self._skip_to(b"MSG", b"HMSG")
        sizes = line_in.split()
        total = int(sizes[-1])
        skip = int(sizes[-2]) if line_in.startswith(b"HMSG") else 0
        body = await asyncio.wait_for(self._reader.readexactly(total + 2), WAIT_S)
        await self.send(b"UNSUB 1\r\n")
        return body[skip:-2]

    async def provoke(self, commands: bytes) -> list[str]:
        """Send commands at once and return what the server has against them, in its own words."""
        await self.send(commands + b"PING\r\n")
        said: list[str] = []
        while not (line := await asyncio.wait_for(self._reader.readline(), WAIT_S)).startswith(b"PONG"):
            if not line:
                raise ConnectionError(f"the server closed the connection after {said}")
            if line.startswith(b"-ERR"):
                said.append(line.decode().strip())
        return said

    async def await_message(self) -> bytes:
        """Return the protocol line of the next message that comes in."""
        return await self._skip_to(b"MSG", b"HMSG")

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
async def raw_client(context: Context, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawClient]:
    """Connect, encrypt if that is asked for, and log in."""
    url = urlsplit(context.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    info = json.loads((await asyncio.wait_for(reader.readline(), WAIT_S)).removeprefix(b"INFO "))
    if tls is not None:
        await asyncio.wait_for(writer.start_tls(tls, server_hostname=url.hostname), WAIT_S)
    options = {"headers": True, "no_responders": True, "verbose": False}
    if context.creds:
        claim, pair = read_credentials(context)
        options |= {
            "jwt": claim,
            "sig": base64.urlsafe_b64encode(pair.sign(info["nonce"].encode())).decode().rstrip("="),
        }
    else:
        options |= {"user": url.username, "pass": url.password}
    client = RawClient(reader, writer, context.inbox_prefix or "_INBOX")
    await client.send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
    try:
        yield client
    finally:
        writer.close()
