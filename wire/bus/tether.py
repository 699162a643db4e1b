"""Waits that end with the connection.

What a server is asked itself, as all of JetStream is, it answers over the connection on which it was asked or never:
whoever waited on, through its restart, would wait for the whole of his patience, with the server back long since.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class BrokenTetherError(Exception):
    """The connection broke meanwhile."""


class Tether:
    """The waits that hang on one connection at a time."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Run the body of the ``async with`` until the connection breaks.

        Raises:
            BrokenTetherError: it did.

        """
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError as error:
            if not wait.expired():
                raise
            raise BrokenTetherError from error

    def cut(self) -> None:
        """End all waits: the connection broke."""
        waits, self._waits = self._waits, set()
        for wait in waits:
            wait.reschedule(asyncio.get_running_loop().time())
