"""Two connections: frames on one, control on the other, so that a flood of pictures cannot delay a heartbeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from wire.bus.bucket import Bucket
from wire.bus.link import Link
from wire.bus.store import BlobStore
from wire.context import Context
from wire.errors import BrambleError


class Bus:
    """The data and the control connection of one program."""

    def __init__(self, data: Link, control: Link, *, user: str) -> None:
        self.data = data
        self.control = control
        self.user = user

    @classmethod
    @asynccontextmanager
    async def connect(cls, context: Context, *, name: str, asks_controllers: bool = False) -> AsyncIterator[Bus]:
        """Open both connections for the time of an ``async with``; ``asks_controllers`` as :meth:`Link.open` has it.

        Raises:
            NotAuthorisedError: the server refused the user.
            BusError: no server could be reached.

        """
        data = await Link.open(context, name=f"{name}-data", asks_controllers=asks_controllers)
        try:
            control = await Link.open(context, name=f"{name}-control", asks_controllers=asks_controllers)
            try:
                yield cls(data, control, user=context.user_name)
            finally:
                await control.close()
        finally:
            await data.close()

    @property
    def connected(self) -> bool:
        """Whether both connections are up."""
        return self.data.connected and self.control.connected

    @property
    def ended(self) -> BrambleError | None:
        """Why a connection is closed for good; None while both live, or come back."""
        return self.data.ended or self.control.ended

    def call_on_end(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called when a connection is closed for good, though nobody asked."""
        self.data.call_on_end(callback)
        self.control.call_on_end(callback)

    async def bucket(self, name: str, *, create: bool = True, max_bytes: int | None = None) -> Bucket:
        """Open a key-value bucket; only controllers may make one that is not there."""
        return await Bucket.open(self.control, name, create=create, max_bytes=max_bytes)

    async def blobs(self, name: str, *, create: bool = True) -> BlobStore:
        """Open an object store; only controllers may make one that is not there."""
        return await BlobStore.open(self.control, name, create=create)
