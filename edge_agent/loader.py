"""Brings one shard from its name in an assignment to a model that has proved itself and can serve."""

from __future__ import annotations

import asyncio
import functools
import logging
import platform
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from edge_agent.backends.base import Backend, BackendMissingError, Servable
from edge_agent.backends.part import Part
from edge_agent.cache import Cache, Source
from edge_agent.prober import prove
from edge_agent.trial import Trial, bound_memory, fingerprint
from edge_agent.trust import Trust
from modelkit.digest import sha256_bytes
from modelkit.manifest import MAX_SIGNATURE_BYTES, Manifest, encode_manifest
from wire.errors import ModelRejectedError
from wire.messages import Shard, ShardState
from wire.subjects import SIGNATURE_BLOB

SUSPENDED_S = 60.0

_log = logging.getLogger("bramble.agent")


class _Files(NamedTuple):
    """What a model is proved with."""

    artefact: Path
    picture: Path | None
    signature: str | None
    whole: Path | None  # the signed artefact that a stage must have been cut from


class Loader:
    """Loads shards, one at a time: a small machine has memory for one model more than it serves, hardly for two."""

    def __init__(self, backends: Mapping[str, Backend], cache: Cache, threads: int, trust: Trust) -> None:
        self._backends = backends
        self._cache = cache
        self._threads = threads
        self._trust = trust
        self._suspended: dict[str, float] = {}

    @property
    def variants(self) -> tuple[str, ...]:
        """What this node can serve now: a device that failed counts again once it has been found again."""
        for variant, until in tuple(self._suspended.items()):
            if until <= time.monotonic() and _is_there(self._backends[variant]):
                del self._suspended[variant]
        return tuple(variant for variant in self._backends if variant not in self._suspended)

    @property
    def threads(self) -> int:
        """Threads of the runtime."""
        return self._threads

    def backend(self, variant: str) -> Backend:
        """Return what serves a variant here.

        Raises:
            ModelRejectedError: nothing does.

        """
        backend = self._backends.get(variant)
        if backend is None:
            raise ModelRejectedError(
                f"no backend of this node serves {variant}", remedy=f"assign one of: {', '.join(self._backends)}"
            )
        return backend

    async def fetch(self, digest: str, size: int, source: Source) -> Path:
        """Return a file by its digest, fetched if need be; see :meth:`Cache.fetch`."""
        return await self._cache.fetch(digest, size, source, keep={digest})

    def suspend(self, variant: str) -> None:
        """Do not offer a variant for a while: its device failed, and the cluster should choose another."""
        self._suspended[variant] = time.monotonic() + SUSPENDED_S

    def is_exclusive(self, variant: str) -> bool:
        """Tell whether the variant's device takes one model at a time."""
        return variant in self._backends and self._backends[variant].exclusive

    def distrust(self, digest: str) -> None:
        """Have an artefact prove itself again before it is next loaded."""
        self._cache.forget_proofs(digest)

    async def load(
        self,
        shard: Shard,
        manifest: Manifest,
        *,
        open_store: Callable[[], Awaitable[Source]],
        keep: Collection[str],
        on_state: Callable[[ShardState], None],
    ) -> Servable:
        """Fetch, prove and load.

        Args:
            shard: what to load.
            manifest: its model's present manifest.
            open_store: opens where artefacts come from.
            keep: digests of artefacts that must stay in the cache.
            on_state: hears how far it is.

        Raises:
            ModelRejectedError: the model must not serve.
            ModelkitError: likewise.
            BackendMissingError: no backend here serves the variant.
            BusError: the artefact did not come.

        """
        check_shard(shard, manifest)
        backend = self.backend(shard.variant)
        path: Path | None = None
        if shard.variant in {artefact.variant for artefact in manifest.artefacts}:
            store = await open_store()
            fetch = functools.partial(self._cache.fetch, source=store, keep={*keep, shard.digest})
            path = await fetch(shard.digest, manifest.artefact(shard.variant).bytes)  # a stage is hardly larger
            runtime = await asyncio.to_thread(backend.find)
            described = sha256_bytes(encode_manifest(manifest))
            mark = fingerprint(described, shard.variant, runtime, platform.machine(), self._trust)
            if not self._cache.is_proved(shard.digest, mark):
                on_state(ShardState.PROVING)
                signature = await self.fetch_signature(manifest, store)
                known = manifest.known_answer if shard.stages == 1 else None  # a stage alone answers nothing
                picture = await fetch(known.sha256, known.bytes) if known else None
                signed = manifest.artefact(shard.variant) if signature and shard.stages > 1 else None
                whole = await fetch(signed.sha256, signed.bytes) if signed else None
                await prove(self._pose(shard, manifest, backend, _Files(path, picture, signature, whole)))
                self._cache.note_proof(shard.digest, mark)
        return await asyncio.to_thread(
            lambda: backend.serve(manifest, shard.variant, path, threads=self._threads, part=Part.of(shard))
        )

    @property
    def trusted(self) -> tuple[str, ...]:
        """The public keys, as PEM, by one of which models must be signed."""
        return self._trust.keys

    async def fetch_signature(self, manifest: Manifest, store: Source) -> str | None:
        """Return the model's signature, None where none is asked for.

        Raises:
            ModelRejectedError: there is none, and unsigned models are not served here.

        """
        if not self._trust.wants_signature:
            return None
        described = sha256_bytes(encode_manifest(manifest))
        found = await store.get_bytes(SIGNATURE_BLOB.build(manifest=described), limit=MAX_SIGNATURE_BYTES)
        if found is not None:
            return found.decode("utf-8", errors="replace")
        if not self._trust.allow_unsigned:
            raise ModelRejectedError(
                f"{manifest.name} is not signed, and this node serves signed models only",
                remedy="sign it: `bramble model push` does, with the operator's key",
            )
        _log.warning("an unsigned model is allowed here", extra={"action": "trust", "model": manifest.name})
        return None

    def _pose(self, shard: Shard, manifest: Manifest, backend: Backend, files: _Files) -> Trial:
        return Trial(
            backend=backend.name,
            variant=shard.variant,
            manifest=manifest,
            artefact=str(files.artefact),
            picture=str(files.picture) if files.picture else None,
            threads=self._threads,
            part=Part.of(shard),
            memory_bytes=bound_memory(manifest.artefact(shard.variant).bytes),
            signature=files.signature,
            whole=str(files.whole) if files.whole else None,
            trusted=self._trust.keys,
        )


def _is_there(backend: Backend) -> bool:
    try:
        backend.find()
    except BackendMissingError:
        return False
    return True


def check_shard(shard: Shard, manifest: Manifest) -> None:
    """Hold a shard against its model's manifest.

    Raises:
        ModelRejectedError: they are not about the same thing.
        UnknownModelError: modelkit's; the manifest has no such variant.

    """
    offered = manifest.digest(shard.variant)
    if (manifest.version, offered) != (shard.version, shard.artefact):
        raise ModelRejectedError(
            f"{shard.model} {shard.version} {shard.variant} {shard.artefact[:12]} was assigned, "
            f"the manifest offers {manifest.version} {offered[:12]}",
            remedy="push the model again, or correct the assignment",
        )
