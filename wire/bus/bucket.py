"""A JetStream key-value bucket, read as whole states: what counts is what is wanted now, not the way there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.js.kv import KeyValue

from wire.bus.doubt import Doubt
from wire.bus.hearing import FAILED_S, GONE, RELIST_S, Entry, hear, list_keys
from wire.bus.link import Link
from wire.bus.replicas import create_replicated
from wire.cancellation import heed_cancellation
from wire.errors import BusError

ASK_S = 5.0
TRY_S = 2.0
PAUSE_S = 0.1
LEADERLESS = (nats.js.errors.ServiceUnavailableError, nats.js.errors.NoStreamResponseError)

FORGET_S = RELIST_S
"""For so long the server keeps a watch that was given up; nats-py's five minutes would keep ten times as many."""

SMALL_BYTES = 127_600
"""For a bucket that is written all the time, such as leases: what one holds is far less.

nats-server keeps the block that it writes to in memory, whole, with all that was overwritten since the block began. A
block has 8 MB where a stream has no limit, 4 MB with one, and 32 kB only where the limit is four of them at most
(``dynBlkSize`` in its ``filestore.go``).
"""

T = TypeVar("T")


class Bucket:
    """One bucket."""

    def __init__(self, link: Link, inner: KeyValue, name: str, *, trusted: bool) -> None:
        self._link = link
        self._inner = inner
        self._trusted = trusted
        self.name = name

    @classmethod
    async def open(cls, link: Link, name: str, *, create: bool, max_bytes: int | None = None) -> Bucket:
        """Open the bucket; ``create`` makes it on disk where it does not exist, and sees to its limit where it does.

        Only controllers may create. Others read one value at a time, of keys that they are permitted.

        Args:
            link: the connection.
            name: of the bucket.
            create: whether it is made.
            max_bytes: what it may hold; a write beyond is refused. None: as it is, and no limit where it is made.

        Raises:
            NotAuthorisedError: this user may not open it.
            BusError: JetStream is not there or refused, or there is no such bucket.

        """
        jetstream = link.client.jetstream(prefix=link.api)
        stream, prefix = f"KV_{name}", f"$KV.{name}."
        try:
            async with link.unbroken():
                try:
                    known = (await jetstream.stream_info(stream)).config
                    if create and max_bytes not in {None, known.max_bytes}:
                        await jetstream.update_stream(known, max_bytes=max_bytes)
                except nats.js.errors.NotFoundError:
                    if not create:
                        told = BusError(f"there is no bucket {name} yet", remedy="start a controller: it makes it")
                        raise told from None
                    await create_replicated(
                        lambda copies: jetstream.create_key_value(
                            bucket=name, history=1, replicas=copies, direct=True, max_bytes=max_bytes
                        )
                    )
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(
                f"the bucket {name} cannot be opened: {error!r}", remedy="is JetStream on in the server?"
            ) from error
        # Whoever writes reads from the leader, which has what was just written; a direct answer may be a little older.
        inner = KeyValue(name=name, stream=stream, pre=prefix, js=jetstream, direct=not create)
        return cls(link, inner, name, trusted=create)

    async def put(self, key: str, value: bytes) -> None:
        """Write a value. It is acknowledged when this returns.

        Raises:
            BusError: it was not.

        """
        try:
            await self._ask(lambda: self._inner.put(key, value))
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"writing {key} to {self.name} failed: {_say(error)}") from error

    async def get(self, key: str) -> bytes | None:
        """Return a value, or None when there is none.

        Raises:
            BusError: the bucket could not be read.

        """
        entry = await self.read(key)
        return entry.value if entry else None

    async def read(self, key: str) -> Entry | None:
        """Return a value with its revision, or None when there is none.

        Raises:
            BusError: the bucket could not be read.

        """
        try:
            found = await self._ask(lambda: self._inner.get(key))
        except nats.js.errors.KeyNotFoundError:
            return None
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"reading {key} from {self.name} failed: {error!r}") from error
        return Entry(found.value or b"", found.revision or 0)

    async def read_all(self) -> dict[str, bytes]:
        """Return everything there is.

        Raises:
            BusError: the bucket could not be read.

        """
        try:
            keys = sorted(await list_keys(self._link, self.name, ">"))
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"listing {self.name} failed: {error!r}") from error
        found = {key: await self.get(key) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    async def swap(self, key: str, value: bytes, revision: int, *, within: float) -> int | None:
        """Write a value if the key still is at ``revision`` (0: was never written); the server decides who is first.

        Returns:
            The new revision; None when somebody else wrote in between.

        Raises:
            BusError: no word within that many seconds. The value may have been written all the same.

        """
        try:
            async with self._link.unbroken(), asyncio.timeout(within):
                return await self._inner.update(key, value, last=revision)
        except nats.js.errors.KeyWrongLastSequenceError:
            return None
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"writing {key} to {self.name} failed: {_say(error)}") from error

    async def delete(self, key: str) -> None:
        """Remove a value.

        Raises:
            BusError: it could not be removed.

        """
        try:
            await self._ask(lambda: self._inner.delete(key))
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"removing {key} from {self.name} failed: {error!r}") from error

    async def erase(self, key: str, revision: int, *, within: float) -> None:
        """Remove a value and leave no marker of it, unless it was written again since ``revision``.

        Followers may not notice: for what nobody goes by any more.

        Raises:
            BusError: no word within that many seconds, or it could not be removed.

        """
        subject = f"$KV.{self.name}.{key}"
        try:
            async with self._link.unbroken():
                jetstream = self._link.client.jetstream(timeout=within)
                await jetstream.purge_stream(f"KV_{self.name}", seq=revision + 1, subject=subject)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"erasing {key} from {self.name} failed: {error!r}") from error

    async def follow(self, pattern: str) -> AsyncIterator[dict[str, bytes]]:
        """Yield all keys that match ``pattern`` with their values: at once, and whole again after every change.

        Survives the server's restart: after each reconnection everything is read anew.

        Raises:
            NotAuthorisedError: this user may not follow these keys.

        """
        async for entries in self.follow_entries(pattern):
            yield {key: entry.value for key, entry in entries.items()}

    async def follow_entries(self, pattern: str) -> AsyncIterator[dict[str, Entry]]:
        """Yield as :meth:`follow` does, with revisions."""
        if not self._trusted:
            async for heard in hear(self._link, self._inner, self.name, pattern):
                yield heard
            return
        known: dict[str, Entry] | None = None
        doubt = Doubt()
        reconnected = asyncio.Event()
        self._link.call_on_reconnect(reconnected.set)
        while True:
            reconnected.clear()
            begun = False
            async with aclosing(self._watch(pattern, reconnected)) as states:
                async for listed, removed in states:
                    now = asyncio.get_running_loop().time()
                    state = listed if begun else doubt.settle(known, listed, removed, now)
                    begun = True
                    if state != known:
                        known = state
                        yield dict(state)
                    if doubt.since is not None:
                        break
            if doubt.since is not None:
                await _wait(reconnected, FAILED_S)

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, and again while servers look for a leader: they refuse, or are silent where the old one was asked.

        Nothing that is asked here does harm when it is done twice.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + ASK_S
        while True:
            try:
                async with self._link.unbroken(), asyncio.timeout(min(TRY_S, end - clock())):
                    return await ask()
            except (TimeoutError, *LEADERLESS) as error:
                heed_cancellation()
                if clock() + PAUSE_S >= end or getattr(error, "description", None):
                    raise  # it is late, or somebody there says why not
            await asyncio.sleep(PAUSE_S)

    async def _watch(
        self, pattern: str, reconnected: asyncio.Event
    ) -> AsyncGenerator[tuple[dict[str, Entry], frozenset[str]]]:
        """Yield states, each with the keys that are seen to be removed, until the watch should be made anew."""
        try:
            async with self._link.unbroken():
                watcher = await self._inner.watch(pattern, inactive_threshold=FORGET_S)
        except (nats.errors.Error, nats.js.errors.Error, BusError):
            await _wait(reconnected, 1.0)
            return
        state: dict[str, Entry] = {}
        removed: set[str] = set()
        awaited: set[str] | None = None  # keys that are still to come; None: that is not known yet
        deadline = asyncio.get_running_loop().time() + RELIST_S
        try:
            while not reconnected.is_set() and (left := deadline - asyncio.get_running_loop().time()) > 0:
                whole = awaited is not None and not awaited
                try:
                    async with self._link.unbroken():
                        entry = await watcher.updates(timeout=min(left, 1.0 if whole else 5.0))
                        if entry is None:
                            # nats-py says that this was all, too, while all of it is on its way.
                            awaited = set() if state or removed else await list_keys(self._link, self.name, pattern)
                except nats.errors.TimeoutError:
                    heed_cancellation()
                    if not whole:
                        return
                    continue
                except (BusError, nats.errors.Error):
                    return  # the server may have forgotten the watch with the connection
                heed_cancellation()
                if entry is not None:
                    (awaited or set()).discard(entry.key)
                    if entry.operation in GONE:
                        state.pop(entry.key, None)
                        removed.add(entry.key)
                    else:
                        state[entry.key] = Entry(entry.value or b"", entry.revision or 0)
                if awaited is not None and not awaited:
                    yield dict(state), frozenset(removed)
        finally:
            await _stop(watcher)


async def _stop(watcher: KeyValue.KeyWatcher) -> None:
    try:
        await watcher.stop()
    except (nats.errors.Error, nats.js.errors.Error):
        return  # the server forgets an ephemeral consumer by itself


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _say(error: Exception) -> str:
    """Return what the server says of itself, if anything: nats-py shows the kind of its errors alone."""
    return str(getattr(error, "description", None) or repr(error))
