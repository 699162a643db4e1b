"""A test camera: JPEGs over HTTP as multipart/x-mixed-replace, with a login and with faults."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

Behaviour = Literal["play", "stop", "truncate", "garbage"]


class MjpegCamera:
    """Shows the given JPEGs in a loop. Faults are switched while it runs."""

    def __init__(self, jpegs: Sequence[bytes], *, fps: float = 20.0, user: str = "", password: str = "") -> None:
        self._jpegs = jpegs
        self._fps = fps
        self._user = user
        self._password = password
        self._server: asyncio.Server | None = None
        self._viewers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        self.behaviour: Behaviour = "play"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def url_for(self, user: str, password: str) -> str:
        return f"http://{user}:{password}@127.0.0.1:{self.port}/video"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task, writer in tuple(self._viewers.items()):
            writer.transport.abort()
            task.cancel()
        if self._viewers:
            await asyncio.wait(tuple(self._viewers))
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own, because asyncio's logs an error when it is cancelled.
        task = asyncio.create_task(self._serve(reader, writer))
        self._viewers[task] = writer
        task.add_done_callback(self._viewers.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            if status := self._refusal(request):
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n".encode())
                writer.write(b'WWW-Authenticate: Basic realm="test camera"\r\n\r\n')
                return
            await self._play(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _refusal(self, request: str) -> str:
        wanted = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if self._user and f"Basic {wanted}" not in request:
            return "401 Unauthorized"
        return "" if request.startswith("GET /video ") else "404 Not Found"

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n\r\n")
        started = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, started + number / self._fps - time.monotonic()))
            if self.behaviour == "stop":
                continue
            jpeg = self._jpegs[number % len(self._jpegs)]
            if self.behaviour == "truncate":
                jpeg = jpeg[: len(jpeg) // 2]
            elif self.behaviour == "garbage":
                jpeg = bytes((byte * 7 + 3) & 0xFF for byte in jpeg)
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            writer.write(head.encode() + jpeg + b"\r\n")
            await writer.drain()
