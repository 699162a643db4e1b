"""Asking an HTTP server that shares its work out among its workers by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.harness.load import Ask

READY_S = 90.0
POLL_S = 0.05
TRIES = 3
_TRY_AGAIN = frozenset({408, 500, 502, 503, 504})
"""mosec says 408 of a picture whose worker died."""


def find_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def open_client(url: str) -> AsyncIterator[Ask]:
    """Keep connections open; a picture whose worker was lost is sent again, at most twice."""
    timeout = aiohttp.ClientTimeout(total=10.0)
    headers = {"Content-Type": "image/jpeg"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:

        async def ask_once(picture: bytes) -> bytes:
            async with session.post(url, data=picture) as reply:
                reply.raise_for_status()
                return await reply.read()

        async def ask(picture: bytes) -> bytes:
            for _ in range(TRIES - 1):
                try:
                    return await ask_once(picture)
                except aiohttp.ClientConnectionError:
                    continue
                except aiohttp.ClientResponseError as error:
                    if error.status not in _TRY_AGAIN:
                        raise
            return await ask_once(picture)

        yield ask


async def wait_ready(ask: Ask, picture: bytes) -> None:
    """Ask until there is an answer.

    Raises:
        TimeoutError: there was none in 90 s.

    """
    async with asyncio.timeout(READY_S):
        while True:
            try:
                await ask(picture)
            except aiohttp.ClientError:
                await asyncio.sleep(POLL_S)
            else:
                return
