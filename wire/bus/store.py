"""The Object Store for models: blobs by digest, streamed from and to files."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import nats.errors
import nats.js.errors
from nats.js.object_store import ObjectStore

from wire.bus.link import Link, Received
from wire.bus.replicas import create_replicated
from wire.errors import BusError, ModelRejectedError

CHUNK_S = 10.0
LIST_S = 30.0


class _Info(msgspec.Struct, frozen=True):
    """What the store knows about a blob (NATS ADR-20)."""

    nuid: str
    size: int = 0
    chunks: int = 0
    deleted: bool = False


class BlobStore:
    """Blobs named by their SHA-256.

    They are read message by message, without a consumer: whoever may create consumers can have the server deliver to
    any subject, so agents may not (``wire/permissions.py``).
    """

    def __init__(self, link: Link, inner: ObjectStore, name: str) -> None:
        self._link = link
        self._inner = inner
        self._name = name

    @classmethod
    async def open(cls, link: Link, name: str, *, create: bool) -> BlobStore:
        """Open the store; ``create`` makes it on disk where it does not exist, which controllers may.

        Raises:
            NotAuthorisedError: this user may not open it.
            BusError: JetStream is not there or refused, or there is no such store.

        """
        jetstream = link.client.jetstream(prefix=link.api, timeout=10.0)
        try:
            try:
                inner = await jetstream.object_store(name)
            except nats.js.errors.NotFoundError:
                if not create:
                    raise BusError(f"there is no store {name} yet", remedy="start a controller: it makes it") from None
                inner = await create_replicated(lambda replicas: jetstream.create_object_store(name, replicas=replicas))
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(
                f"the object store {name} cannot be opened: {error!r}", remedy="is JetStream on in the server?"
            ) from error
        return cls(link, inner, name)

    async def has(self, digest: str) -> bool:
        """Tell whether the blob is there.

        Raises:
            BusError: the store could not be asked.

        """
        return await self._find(digest) is not None

    async def put_file(self, digest: str, path: Path) -> None:
        """Upload a file under its digest.

        Raises:
            BusError: it was not stored.

        """
        try:
            with path.open("rb") as file:
                async with self._link.unbroken():
                    await self._inner.put(digest, file)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"storing {path.name} failed: {error!r}") from error

    async def put_bytes(self, name: str, data: bytes) -> None:
        """Store a small blob under a name of its own, in place of an older one.

        Raises:
            BusError: it was not stored.

        """
        try:
            async with self._link.unbroken():
                await self._inner.put(name, data)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"storing {name[:80]} failed: {error!r}") from error

    async def get_bytes(self, name: str, *, limit: int, within: float = 10.0) -> bytes | None:
        """Return a small blob, or None when there is none of that name.

        Raises:
            ModelRejectedError: it has more than ``limit`` bytes.
            BusError: it did not come within that many seconds.

        """
        info = await self._find(name)
        if info is None:
            return None
        if info.size > limit:
            raise ModelRejectedError(f"{name[:80]} has {info.size} bytes, the limit is {limit}")
        found = bytearray()
        await self._fetch(info, found.extend, within)
        return bytes(found)

    async def get_file(self, digest: str, path: Path, *, within: float = 120.0) -> None:
        """Download a blob into a file; the caller checks its digest.

        Raises:
            ModelRejectedError: there is no such blob.
            NotAuthorisedError: this user may not read the store.
            BusError: it did not come within that many seconds.

        """
        info = await self._find(digest)
        if info is None:
            raise ModelRejectedError(
                f"the artefact {digest[:12]} is not in the object store",
                remedy="push the model again with `bramble model push`",
            )
        with path.open("wb") as file:
            await self._fetch(info, file.write, within)

    async def list(self) -> tuple[str, ...]:
        """Return the names of all blobs; for those who may create consumers.

        Raises:
            BusError: the store could not be read.

        """
        try:
            async with asyncio.timeout(LIST_S):
                found = await self._inner.list(ignore_deletes=True)
        except nats.js.errors.NotFoundError:
            return ()
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"listing the object store {self._name} failed: {error!r}") from error
        return tuple(sorted(each.name for each in found if not each.deleted))

    async def remove(self, name: str) -> None:
        """Remove a blob, if it is there; for those who may purge streams.

        Raises:
            BusError: it could not be removed.

        """
        try:
            await self._inner.delete(name)
        except nats.js.errors.ObjectNotFoundError:
            return
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"removing {name[:80]} failed: {error!r}") from error

    async def _find(self, digest: str) -> _Info | None:
        key = base64.urlsafe_b64encode(digest.encode()).decode()
        found = await self._ask(f".$O.{self._name}.M.{key}")
        if found is None:
            return None
        try:
            info = msgspec.json.decode(found.data, type=_Info)
        except msgspec.DecodeError as error:
            raise BusError(f"what the object store says about {digest[:12]} cannot be read: {error}") from error
        return None if info.deleted else info

    async def _fetch(self, info: _Info, take: Callable[[bytes], object], within: float) -> None:
        """Hand over the chunks, one after another; whether they are right, the caller's digest tells."""
        seq, left = 1, info.size
        try:
            async with asyncio.timeout(within):
                for _ in range(info.chunks):
                    chunk = await self._ask("", {"seq": seq, "next_by_subj": f"$O.{self._name}.C.{info.nuid}"})
                    if chunk is None or len(chunk.data) > left:
                        raise BusError("a part of the blob is gone from the object store", remedy="push it again")
                    await asyncio.to_thread(take, chunk.data)
                    left -= len(chunk.data)
                    seq = int((chunk.headers or {})["Nats-Sequence"]) + 1
        except TimeoutError as error:
            raise BusError(f"fetching a blob of {info.size} bytes took longer than {within:g} s") from error

    async def _ask(self, subject: str, question: dict[str, Any] | None = None) -> Received | None:
        """Get one message of the stream (NATS ADR-31); None when there is none."""
        payload = json.dumps(question).encode() if question else b""
        async with self._link.unbroken():
            answer = await self._link.request(
                f"{self._link.api}.DIRECT.GET.OBJ_{self._name}{subject}", payload, within=CHUNK_S
            )
        status = (answer.headers or {}).get("Status", "")
        if status == "404":
            return None
        if status:
            raise BusError(f"the object store {self._name} answers {status}")
        return answer
