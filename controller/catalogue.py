"""The models that the cluster is configured to serve, as the config bucket has them."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping

from controller.audit.refusals import refuse_manifest
from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError
from modelkit.manifest import Manifest, decode_manifest, encode_manifest
from wire import subjects
from wire.audit import Deed
from wire.errors import UnknownModelError

_log = logging.getLogger("bramble.catalogue")


class Catalogue:
    """Manifests by name."""

    def __init__(self, note_refusal: Callable[[Deed], None] = lambda _: None) -> None:
        self._note_refusal = note_refusal
        self._manifests: dict[str, Manifest] = {}
        self._digests: dict[str, frozenset[str]] = {}
        self._manifest_digests: dict[str, str] = {}

    def replace(self, entries: Mapping[str, bytes]) -> None:
        """Take over the bucket's ``models.*`` entries; one that cannot be read is left out and said."""
        found = {}
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
            found[manifest.name] = manifest
        self._manifests = found
        self._digests = {
            name: frozenset(manifest.digest(variant) for variant in manifest.variants)
            for name, manifest in found.items()
        }

        self._manifest_digests = {name: sha256_bytes(encode_manifest(manifest)) for name, manifest in found.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._manifests

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All manifests, by name."""
        return tuple(self._manifests[name] for name in sorted(self._manifests))

    def digests(self, name: str) -> frozenset[str]:
        """Return the digests under which a model may be served."""
        return self._digests.get(name, frozenset())

    def manifest_digest(self, name: str) -> str:
        """Return the digest of a model's present manifest; empty where there is none."""
        return self._manifest_digests.get(name, "")

    def require(self, name: str) -> Manifest:
        """Return a manifest.

        Raises:
            UnknownModelError: it is not configured; the remedy names near matches.

        """
        manifest = self._manifests.get(name)
        if manifest is None:
            near = difflib.get_close_matches(name, self._manifests, n=3) or sorted(self._manifests)[:8]
            hint = f"did you mean {', '.join(near)}?" if near else "add one with `bramble model push`"
            raise UnknownModelError(f"no model {name!r} is configured", remedy=hint)
        return manifest
