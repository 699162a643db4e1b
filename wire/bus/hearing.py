"""Following keys of a bucket without a consumer.

Changes are heard as they are published, and then read, key by key. JetStream's consumers are the usual way, but whoever
may create one can have the server deliver to any subject in its name: only controllers may (``wire/permissions.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.js.kv import KeyValue

from wire.bus.doubt import Doubt
from wire.bus.link import Link, Received
from wire.errors import BusError

RELIST_S = 30.0
"""How often a follower reads everything again, so that a lost notice cannot last."""
FAILED_S = 1.0
SETTLE_S = (0.002, 0.01, 0.05, 0.2, 0.5)
"""Pauses before a value is read again that is not yet the one heard of."""

GONE = ("DEL", "PURGE")
_MAX_HEARD = 1024

_log = logging.getLogger("bramble.bus")


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the revision under which the server keeps it."""

    value: bytes
    revision: int


async def list_keys(link: Link, bucket: str, pattern: str) -> set[str]:
    """Return the keys of a bucket that match ``pattern``, those of removed values too.

    Raises:
        nats.errors.Error: the server did not say.

    """
    prefix = f"$KV.{bucket}."
    info = await link.client.jetstream(prefix=link.api).stream_info(f"KV_{bucket}", prefix + pattern)
    return {subject.removeprefix(prefix) for subject in info.state.subjects or ()}


async def hear(link: Link, inner: KeyValue, bucket: str, pattern: str) -> AsyncIterator[dict[str, Entry]]:
    """Yield all keys that match ``pattern``: at once, and whole again after every change.

    A key that expires is missed when all is read again, after 30 s at the latest.

    Raises:
        NotAuthorisedError: this user may not listen to these keys, or not read them.

    """
    hearing = _Hearing(link, inner, bucket, pattern)
    subscription = await link.subscribe(f"$KV.{bucket}.{pattern}", hearing.note, max_pending=_MAX_HEARD)
    link.call_on_reconnect(hearing.forget)
    known: dict[str, Entry] | None = None
    try:
        while True:
            state = await hearing.read()
            if state is not None and state != known:
                known = state
                yield dict(state)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAILED_S if state is None or hearing.doubts else RELIST_S):
                    await hearing.changed.wait()
    finally:
        await subscription.end()


class _Hearing:
    """What is known of some keys, and what was heard since."""

    def __init__(self, link: Link, inner: KeyValue, bucket: str, pattern: str) -> None:
        self._link = link
        self._inner = inner
        self._bucket = bucket
        self._pattern = pattern
        self._state: dict[str, Entry] | None = None  # None: everything is to be read
        self._last: dict[str, Entry] | None = None  # what was gone by at last
        self._doubt = Doubt()
        self._heard: dict[str, bytes | None] = {}
        self.changed = asyncio.Event()

    async def note(self, message: Received) -> None:
        """Take in a change that was published; None stands for a removal."""
        key = message.subject.removeprefix(f"$KV.{self._bucket}.")
        gone = (message.headers or {}).get("KV-Operation") in GONE
        self._heard[key] = None if gone else message.data
        self.changed.set()

    def forget(self) -> None:
        """Take note that changes may have been missed."""
        self._state = None
        self.changed.set()

    async def read(self) -> dict[str, Entry] | None:
        """Return the state now; None when it cannot be read."""
        before = self._state if self.changed.is_set() else None
        self.changed.clear()
        heard, self._heard = self._heard, {}
        self._state = None
        state = dict(before or {})
        removed = set()
        try:
            async with self._link.unbroken():
                await self._link.flush()  # from here on changes are heard
                for key in heard if before is not None else await self._list():
                    entry = await self._settle(key, heard)
                    if entry is None:
                        state.pop(key, None)
                        removed.add(key)
                    else:
                        state[key] = entry
        except (nats.errors.Error, nats.js.errors.Error, BusError) as error:
            _log.warning("not read", extra={"action": "follow", "bucket": self._bucket, "error": repr(error)})
            return None
        if before is None:
            state = self._doubt.settle(self._last, state, removed, asyncio.get_running_loop().time())
        self._last = state
        self._state = None if self.doubts else state
        return state

    @property
    def doubts(self) -> bool:
        """Whether everything is to be read once more soon."""
        return self._doubt.since is not None

    async def _list(self) -> list[str]:
        if "*" not in self._pattern and ">" not in self._pattern:
            return [self._pattern]  # to read it is enough, and all that some may
        return sorted(await list_keys(self._link, self._bucket, self._pattern))

    async def _settle(self, key: str, heard: dict[str, bytes | None]) -> Entry | None:
        """Read a value; one that was heard of may not be stored yet, or not on the server that answers."""
        for pause in SETTLE_S:
            entry = await self._get(key)
            if key not in heard or (entry.value if entry else None) == heard[key]:
                return entry
            await asyncio.sleep(pause)
        return await self._get(key)

    async def _get(self, key: str) -> Entry | None:
        try:
            found = await self._inner.get(key)
        except nats.js.errors.KeyNotFoundError:
            return None
        return Entry(found.value or b"", found.revision or 0)
