"""The models that the cluster is configured to serve, as the config bucket has them."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Self

from controller.audit.refusals import refuse_manifest
from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError
from modelkit.manifest import Manifest, decode_manifest, encode_manifest
from wire import subjects
from wire.audit import Deed
from wire.errors import UnknownModelError

_log = logging.getLogger("bramble.catalogue")


class _Version(NamedTuple):
    """A manifest, and the digests of what it can be served by."""

    manifest: Manifest
    artefacts: frozenset[str]

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        return cls(manifest, frozenset(manifest.digest(variant) for variant in manifest.variants))


class Catalogue:
    """Manifests by name, and beside each those of other versions that nodes may still serve."""

    def __init__(self, note_refusal: Callable[[Deed], None] = lambda _: None) -> None:
        self._note_refusal = note_refusal
        self._current: dict[str, _Version] = {}
        self._replaced: dict[str, _Version] = {}  # what was current before, as long as this process has seen it
        self._kept: dict[str, tuple[_Version, ...]] = {}
        self._manifest_digests: dict[str, str] = {}
        self._changed = asyncio.Event()

    def replace(self, entries: Mapping[str, bytes]) -> None:
        """Take over the bucket's ``models.*`` entries; one that cannot be read is left out and said."""
        found: dict[str, _Version] = {}
        for key, data in entries.items():
            fields = subjects.MODEL_KEY.parse(key)
            if fields is None:
                self._note_refusal(refuse_manifest(key, "no valid name: of a model"))
                continue
            try:
                manifest = decode_manifest(data)
            except ModelRejectedError as error:
                _log.error("manifest refused", extra={"action": "manifest_refused", "key": key, "error": str(error)})
                self._note_refusal(refuse_manifest(key, f"no manifest: {error}"))
                continue
            if manifest.name != fields["model"]:
                _log.error("manifest under a wrong name", extra={"action": "manifest_refused", "key": key})
                self._note_refusal(refuse_manifest(key, f"it names itself another: {manifest.name}"))
                continue
            found[manifest.name] = _Version.of(manifest)
        self._replaced = {name: before for name, before in self._replaced.items() if name in found} | {
            name: before for name, before in self._current.items() if name in found and found[name] != before
        }
        self._current = found
        self._manifest_digests = {name: sha256_bytes(encode_manifest(each.manifest)) for name, each in found.items()}
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, manifest: Manifest, *, within: float) -> None:
        """Wait until a version that was put into the bucket is current, for so many seconds at most."""
        digest = sha256_bytes(encode_manifest(manifest))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.manifest_digest(manifest.name) != digest:
                    await self._changed.wait()

    def remember(self, manifests: Iterable[Manifest]) -> None:
        """Take over the versions that are kept beside those in force."""
        kept: dict[str, tuple[_Version, ...]] = {}
        for manifest in manifests:
            kept[manifest.name] = (*kept.get(manifest.name, ()), _Version.of(manifest))
        self._kept = kept

    def __contains__(self, name: object) -> bool:
        return name in self._current

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All current manifests, by name."""
        return tuple(self._current[name].manifest for name in sorted(self._current))

    def digests(self, name: str) -> frozenset[str]:
        """Return the digests under which a model is to be served."""
        current = self._current.get(name)
        return current.artefacts if current else frozenset()

    def knows(self, name: str, artefact: str) -> bool:
        """Tell whether a model may be served by this artefact: the current version's, or one that nodes still have.

        A node goes on with the version before until it has proved the current one.
        """
        return any(artefact in each.artefacts for each in self._versions(name))

    def of(self, name: str, artefact: str) -> Manifest:
        """Return the version of a model that an artefact belongs to; the current one where none is known to.

        Raises:
            UnknownModelError: the model is not configured.

        """
        current = self.require(name)
        return next((each.manifest for each in self._versions(name) if artefact in each.artefacts), current)

    def manifest_digest(self, name: str) -> str:
        """Return the digest of a model's present manifest; empty where there is none."""
        return self._manifest_digests.get(name, "")

    def require(self, name: str) -> Manifest:
        """Return a manifest.

        Raises:
            UnknownModelError: it is not configured; the remedy names near matches.

        """
        current = self._current.get(name)
        if current is None:
            near = difflib.get_close_matches(name, self._current, n=3) or sorted(self._current)[:8]
            hint = f"did you mean {', '.join(near)}?" if near else "add one with `bramble model push`"
            raise UnknownModelError(f"no model {name!r} is configured", remedy=hint)
        return current.manifest

    def _versions(self, name: str) -> Iterator[_Version]:
        """Yield the versions of a model that is configured, the current one first: it counts where two share a file."""
        if name in self._current:
            yield self._current[name]
            if name in self._replaced:
                yield self._replaced[name]
            yield from self._kept.get(name, ())
