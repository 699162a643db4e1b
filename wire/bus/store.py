"""The Object Store for models: blobs by digest, streamed from and to files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nats.errors
import nats.js.errors
from nats.js.object_store import ObjectStore

from wire.bus.link import Link
from wire.bus.replicas import create_replicated
from wire.errors import BusError, ModelRejectedError


class BlobStore:
    """Blobs named by their SHA-256."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    @classmethod
    async def open(cls, link: Link, name: str) -> BlobStore:
        """Open the store, and create it on disk where it does not exist.

        Raises:
            BusError: JetStream is not there or refused.

        """
        jetstream = link.client.jetstream(timeout=10.0)
        try:
            try:
                inner = await jetstream.object_store(name)
            except nats.js.errors.NotFoundError:
                inner = await create_replicated(lambda replicas: jetstream.create_object_store(name, replicas=replicas))
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(
                f"the object store {name} cannot be opened: {error!r}", remedy="is JetStream on in the server?"
            ) from error
        return cls(inner)

    async def has(self, digest: str) -> bool:
        """Tell whether the blob is there.

        Raises:
            BusError: the store could not be asked.

        """
        try:
            await self._inner.get_info(digest)
        except nats.js.errors.NotFoundError:
            return False
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"the object store cannot be asked for {digest[:12]}: {error!r}") from error
        return True

    async def put_file(self, digest: str, path: Path) -> None:
        """Upload a file under its digest.

        Raises:
            BusError: it was not stored.

        """
        try:
            with path.open("rb") as file:
                await self._inner.put(digest, file)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"storing {path.name} failed: {error!r}") from error

    async def put_bytes(self, name: str, data: bytes) -> None:
        """Store a small blob under a name of its own, in place of an older one.

        Raises:
            BusError: it was not stored.

        """
        try:
            await self._inner.put(name, data)
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"storing {name[:80]} failed: {error!r}") from error

    async def get_bytes(self, name: str, *, limit: int, within: float = 10.0) -> bytes | None:
        """Return a small blob, or None when there is none of that name.

        Raises:
            ModelRejectedError: it has more than ``limit`` bytes.
            BusError: it did not come within that many seconds.

        """
        try:
            async with asyncio.timeout(within):
                size = (await self._inner.get_info(name)).size or 0
                if size > limit:
                    raise ModelRejectedError(f"{name[:80]} has {size} bytes, the limit is {limit}")
                return (await self._inner.get(name)).data
        except nats.js.errors.NotFoundError:
            return None
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"fetching {name[:80]} failed: {error!r}") from error

    async def get_file(self, digest: str, path: Path, *, within: float = 120.0) -> None:
        """Download a blob into a file; the caller checks its digest.

        Raises:
            ModelRejectedError: there is no such blob.
            BusError: it did not come within that many seconds.

        """
        try:
            with path.open("wb") as file:
                await asyncio.wait_for(self._inner.get(digest, writeinto=file), within)
        except nats.js.errors.NotFoundError as error:
            raise ModelRejectedError(
                f"the artefact {digest[:12]} is not in the object store",
                remedy="push the model again with `bramble model push`",
            ) from error
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"fetching the artefact {digest[:12]} failed: {error!r}") from error
