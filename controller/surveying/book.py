"""A bucket of messages of one kind, as this controller last heard of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from wire.bus import Bucket
from wire.errors import BadRequestError
from wire.messages import Message, decode, encode

M = TypeVar("M", bound=Message)

_log = logging.getLogger("bramble.surveying")


class Book(Generic[M]):
    """Entries by key."""

    def __init__(self, bucket: Bucket, kind: type[M], pattern: str = ">") -> None:
        self._bucket = bucket
        self._kind = kind
        self._pattern = pattern
        self._entries: dict[str, M] = {}

    async def follow(self, on_change: Callable[[], Awaitable[None]] | None = None) -> None:
        """Keep up with the bucket, for ever; an entry that cannot be read is left out and said."""
        async for state in self._bucket.follow(self._pattern):
            entries = {}
            for key, data in state.items():
                try:
                    entries[key] = decode(data, self._kind)
                except BadRequestError as error:
                    _log.warning("unreadable", extra={"action": "read_book", "key": key, "error": error.message})
            self._entries = entries
            if on_change:
                await on_change()

    @property
    def entries(self) -> Mapping[str, M]:
        """All of them, by key."""
        return self._entries

    def get(self, key: str) -> M | None:
        """Return an entry, if there is one."""
        return self._entries.get(key)

    async def put(self, key: str, entry: M) -> None:
        """Write an entry.

        Raises:
            BusError: it was not stored.

        """
        await self._bucket.put(key, encode(entry))
        self._entries = {**self._entries, key: entry}

    async def remove(self, key: str) -> None:
        """Remove an entry.

        Raises:
            BusError: it could not be removed.

        """
        await self._bucket.delete(key)
        self._entries = {name: entry for name, entry in self._entries.items() if name != key}
