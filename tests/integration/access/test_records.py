"""What a frame is encrypted into, seen by somebody between the client and the server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tests.testing.secured import start_secured
from wire import subjects
from wire.bus import Link
from wire.permissions import Role

RECORD_BYTES = 16_384  # of plain text in one record, at most: RFC 8446, 5.1
HEADER_BYTES, APPLICATION_DATA = 5, 23
TAG_BYTES = 17  # type and authentication tag: RFC 8446, 5.2
WAIT_S = 20.0


class Between:
    """Passes bytes on, and takes the sizes of the records that the client sends, in plain text."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._rest = b""
        self._changed = asyncio.Event()

    def take(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= HEADER_BYTES:
            size = int.from_bytes(self._rest[3:HEADER_BYTES])
            if len(self._rest) < HEADER_BYTES + size:
                break
            if self._rest[0] == APPLICATION_DATA:
                self.sizes.append(size - TAG_BYTES)
            self._rest = self._rest[HEADER_BYTES + size :]
        self._changed.set()

    async def wait_for(self, size: int) -> None:
        """Wait for so many bytes."""
        async with asyncio.timeout(WAIT_S):
            while sum(self.sizes) < size:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def standing_between(port: int) -> AsyncIterator[tuple[Between, int]]:
    between = Between()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, take: bool) -> None:
        while data := await reader.read(1 << 16):
            if take:
                between.take(data)
            writer.write(data)
            await writer.drain()

    async def serve(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_connection("127.0.0.1", port)
        ways = [asyncio.create_task(pass_on(client, forth, take=True)),
                asyncio.create_task(pass_on(server, back, take=False))]  # fmt: skip
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way, writer in zip(ways, (forth, back), strict=True):
            way.cancel()
            writer.transport.abort()
        await asyncio.wait(ways)

    async with await asyncio.start_server(serve, "127.0.0.1") as listening:
        yield between, listening.sockets[0].getsockname()[1]


async def test_a_frame_leaves_in_as_few_records_as_can_hold_it(tmp_path: Path) -> None:
    payload = bytes(100_000)
    with start_secured(tmp_path, encrypted=True) as secured:
        context = secured.let_in("hub", Role.CONTROLLER)
        port = urlsplit(context.url).port
        assert port is not None
        async with standing_between(port) as (between, near):
            link = await Link.open(msgspec.structs.replace(context, url=f"tls://127.0.0.1:{near}"), name="hub")
            try:
                await link.flush()
                before = len(between.sizes)
                subject = subjects.WORK.build(node="pi1", model="m", stage="0")
                assert link.post(subject, payload, headers={"Bramble-Frame": "1"})
                await between.wait_for(sum(between.sizes) + len(payload))
                of_the_frame = [size for size in between.sizes[before:] if size != len(b"PING\r\n")]
            finally:
                await link.close()
    assert len(of_the_frame) == math.ceil(sum(of_the_frame) / RECORD_BYTES)
