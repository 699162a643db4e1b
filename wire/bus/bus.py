"""Two connections: frames on one, control on the other, so that a flood of pictures cannot delay a heartbeat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wire.bus.bucket import Bucket
from wire.bus.link import Link
from wire.bus.store import BlobStore
from wire.context import Context


class Bus:
    """The data and the control connection of one program."""

    def __init__(self, data: Link, control: Link) -> None:
        self.data = data
        self.control = control

    @classmethod
    @asynccontextmanager
    async def connect(cls, context: Context, *, name: str) -> AsyncIterator[Bus]:
        """Open both connections for the time of an ``async with``.

        Raises:
            NotAuthorisedError: the server refused the user.
            BusError: no server could be reached.

        """
        data = await Link.open(context, name=f"{name}-data")
        try:
            control = await Link.open(context, name=f"{name}-control")
            try:
                yield cls(data, control)
            finally:
                await control.close()
        finally:
            await data.close()

    @property
    def connected(self) -> bool:
        """Whether both connections are up."""
        return self.data.connected and self.control.connected

    async def bucket(self, name: str) -> Bucket:
        """Open a key-value bucket."""
        return await Bucket.open(self.control, name)

    async def blobs(self, name: str) -> BlobStore:
        """Open an object store."""
        return await BlobStore.open(self.control, name)
