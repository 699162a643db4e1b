"""What is kept of a model's versions, and every change to that. Pure.

``models.<model>`` alone says which version is in force. The record beside it holds the manifests that can be put into
force again, and the order in which versions were; where a write was lost between the two, it is the record that yields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from modelkit.digest import sha256_bytes
from modelkit.manifest import Manifest, encode_manifest
from wire.errors import BadRequestError, UnknownModelError
from wire.ids import Digest
from wire.messages import Message, ShardState
from wire.status import NodeStatus
from wire.versions import VersionStatus

KEPT = 5
"""So many versions of a model are kept, the one in force and the one before it always among them."""
HISTORY = 16
MIN_DIGEST = 6  # letters of a digest that name a version


class Kept(Message, frozen=True):
    """A version that can be put into force."""

    manifest: Manifest
    digest: Digest  # of the manifest
    added_at: float


class Versions(Message, frozen=True):
    """The value of ``versions.<model>`` in the config bucket."""

    kept: tuple[Kept, ...] = ()  # the oldest first
    history: tuple[Digest, ...] = ()  # versions as they were put into force, the last one last
    settled: str = ""  # the digest of the version that has been ready on all nodes


class Rollout(NamedTuple):
    """How far the nodes are with a version."""

    ready: tuple[str, ...]
    waiting: tuple[str, ...]  # not ready yet
    refused: dict[str, str]  # why, by node

    @property
    def is_settled(self) -> bool:
        """Every node that serves the model serves this version."""
        return bool(self.ready) and not self.waiting and not self.refused

    @property
    def has_failed(self) -> bool:
        """Every node has refused it."""
        return bool(self.refused) and not self.waiting and not self.ready


def digest_of(manifest: Manifest) -> str:
    """Return what a version is known by beside its name."""
    return sha256_bytes(encode_manifest(manifest))


def keep(versions: Versions, manifest: Manifest, now: float) -> Versions:
    """Keep a version; one that is kept already stays as it is."""
    digest = digest_of(manifest)
    if any(each.digest == digest for each in versions.kept):
        return versions
    return _prune(replace(versions, kept=(*versions.kept, Kept(manifest=manifest, digest=digest, added_at=now))))


def put_in_force(versions: Versions, digest: str, *, instead_of: str | None) -> Versions:
    """Note that a kept version is put into force in the place of another one, which is kept too."""
    history = _until(versions.history, instead_of)
    if not history or history[-1] != digest:
        history = (*history, digest)
    return _prune(replace(versions, history=history[-HISTORY:], settled=""))


def step_back(versions: Versions, current: str) -> Kept | None:
    """Return the version that was in force before the current one; None where there was none, or it is gone."""
    history = _until(versions.history, current)[:-1]
    return next((each for each in versions.kept if history and each.digest == history[-1]), None)


def go_back(versions: Versions, current: str) -> Versions:
    """Note that the version before the current one is in force again, as if the current one had never been."""
    return replace(versions, history=_until(versions.history, current)[:-1], settled="")


def settle(versions: Versions, digest: str) -> Versions:
    """Note that a version serves everywhere."""
    return replace(versions, settled=digest)


def find(versions: Versions, model: str, wanted: str) -> Kept:
    """Return the version that somebody means by its name, or by how its digest begins.

    Raises:
        UnknownModelError: there is none.
        BadRequestError: there are several.

    """
    named = [each for each in versions.kept if each.manifest.version == wanted]
    if not named and len(wanted) >= MIN_DIGEST:
        named = [each for each in versions.kept if each.digest.startswith(wanted)]
    if len(named) == 1:
        return named[0]
    if not named:
        known = ", ".join(each.manifest.version for each in versions.kept) or "none"
        raise UnknownModelError(f"{model} has no version {wanted!r}", remedy=f"kept are: {known}")
    digests = ", ".join(each.digest[:12] for each in named)
    raise BadRequestError(
        f"{model} has {len(named)} versions {wanted!r}", remedy=f"name one by how its digest begins: {digests}"
    )


def trace(manifest: Manifest, nodes: Iterable[NodeStatus]) -> Rollout:
    """Return how far the nodes are with a version: those that are there and have anything of the model."""
    artefacts = {manifest.digest(variant) for variant in manifest.variants}
    ready, waiting, refused = [], [], {}
    for status in nodes:
        if status.liveness != "live" or status.heartbeat.draining:
            continue
        reports = [each for each in status.heartbeat.shards if each.shard.model == manifest.name]
        ours = [each for each in reports if each.shard.version == manifest.version and each.shard.artefact in artefacts]
        rejected = next((each for each in ours if each.state is ShardState.REJECTED), None)
        if rejected is not None:
            refused[status.node] = rejected.reason
        elif ours and all(each.state is ShardState.READY for each in ours):
            ready.append(status.node)
        elif reports:
            waiting.append(status.node)
    return Rollout(tuple(ready), tuple(waiting), refused)


def describe(
    versions: Versions, current: Manifest, digest: str, nodes: Iterable[NodeStatus]
) -> tuple[VersionStatus, ...]:
    """Return how each version is, the newest first; the current one, of that digest, is among them in any case."""
    there, known = tuple(nodes), versions.kept
    if all(each.digest != digest for each in known):
        known = (*known, Kept(manifest=current, digest=digest, added_at=0.0))
    found = []
    for each in reversed(known):
        rollout = trace(each.manifest, there)
        in_force = each.digest == digest
        settled = rollout.is_settled or versions.settled == digest
        found.append(
            VersionStatus(
                version=each.manifest.version,
                digest=each.digest,
                added_at=each.added_at,
                state=("serving" if settled else "preparing") if in_force else "kept",
                nodes=rollout.ready,
                refused=rollout.refused if in_force else {},
            )
        )
    return tuple(found)


def _until(history: tuple[Digest, ...], digest: str | None) -> tuple[Digest, ...]:
    """Return the history up to a version that is known to be in force, which it may not have heard of."""
    if digest is None:
        return ()
    for place in range(len(history), 0, -1):
        if history[place - 1] == digest:
            return history[:place]
    return (*history, digest)


def _prune(versions: Versions) -> Versions:
    """Let the oldest versions go, but not those that serve, or did so a moment ago."""
    needed = {*versions.history[-2:], *(each.digest for each in versions.kept[-1:])}
    spare = [each.digest for each in versions.kept if each.digest not in needed]
    gone = {*spare[: max(0, len(versions.kept) - KEPT)]}
    return replace(
        versions,
        kept=tuple(each for each in versions.kept if each.digest not in gone),
        history=tuple(each for each in versions.history if each not in gone),
    )
