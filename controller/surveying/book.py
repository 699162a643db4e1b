"""A bucket of messages of one kind, as this controller last heard of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from wire.bus import Bucket
from wire.errors import BadRequestError, BusError
from wire.messages import Message, decode, encode

EDITS = 5
"""How often an edit is tried while others write."""
EDIT_S = 5.0

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

    async def edit(self, key: str, change: Callable[[M | None], M | None]) -> M | None:
        """Change an entry, though other controllers may do so at the same time: ``change`` sees what it replaces.

        ``change`` is pure, may be called more than once, and returns None to leave things as they are.

        Returns:
            What was written; None when nothing was.

        Raises:
            BusError: it was not stored.

        """
        for _ in range(EDITS):
            entry = await self._bucket.read(key)
            new = change(decode(entry.value, self._kind) if entry else None)
            if new is None:
                return None
            if await self._bucket.swap(key, encode(new), entry.revision if entry else 0, within=EDIT_S) is not None:
                self._entries = {**self._entries, key: new}
                return new
        raise BusError(f"{key} in {self._bucket.name} changes all the time", remedy="try again in a moment")
