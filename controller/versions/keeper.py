"""Puts versions of models into force and takes them back, while the nodes go on with what they have."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from controller.catalogue import Catalogue
from controller.nodes.placement import choose_variant
from controller.surveying.book import Book
from controller.versions.record import (
    Kept,
    Versions,
    describe,
    digest_of,
    find,
    go_back,
    keep,
    put_in_force,
    settle,
    step_back,
    trace,
)
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest, decode_manifest, encode_manifest
from wire import subjects
from wire.audit import MAX_DETAIL, Deed
from wire.bus import Bucket, Link
from wire.errors import BadRequestError, BrambleError, BusError, ModelRejectedError
from wire.messages import Event, encode
from wire.status import NodeStatus
from wire.versions import VersionStatus

SEEN_S = 2.0

_log = logging.getLogger("bramble.versions")


class VersionKeeper:
    """Keeps the versions of all models.

    ``is_leader`` says whether this controller sees to what nodes make of a version; any controller may carry out what
    operators ask for. ``on_change`` is called when versions were added or have gone.
    """

    def __init__(
        self,
        controller: str,
        config: Bucket,
        link: Link,
        catalogue: Catalogue,
        *,
        nodes: Callable[[], Iterable[NodeStatus]],
        is_leader: Callable[[], bool],
        record: Callable[[Deed], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        self._config = config
        self._link = link
        self._catalogue = catalogue
        self._controller = controller
        self._nodes = nodes
        self._is_leader = is_leader
        self._record = record
        self._on_change = on_change
        self._book = Book(config, Versions, subjects.VERSIONS_KEY.wildcard())

    async def follow(self) -> None:
        """Keep up with the records, for ever."""
        await self._book.follow(self._take)

    def statuses(self, manifest: Manifest) -> tuple[VersionStatus, ...]:
        """Say how each version of a model is, whose ``manifest`` is in force."""
        digest = self._catalogue.manifest_digest(manifest.name)
        return describe(self._get(manifest.name), manifest, digest, self._nodes())

    async def add(self, data: bytes, *, promote: bool) -> str:
        """Keep the version that a manifest describes, and ``promote`` it at once or not; say what was done.

        Raises:
            ModelRejectedError: it is no manifest.
            BadRequestError: it is the first version, and is not to serve.
            BusError: it could not be stored.

        """
        try:
            manifest = decode_manifest(data)
        except ModelkitError as error:
            raise ModelRejectedError(str(error), remedy=error.remedy) from error
        name, digest, now = manifest.name, digest_of(manifest), time.time()
        current = await self._read(name)
        if current is None and not promote:
            raise BadRequestError(f"{name} is not served yet", remedy=f"bramble model push {name}")
        if current is not None and promote:
            self._require_able(manifest)

        def change(versions: Versions | None) -> Versions | None:
            found = versions or Versions()
            if current is not None:
                found = keep(found, current, now)
            found = keep(found, manifest, now)
            if promote and (current is None or digest_of(current) != digest):
                found = put_in_force(found, digest, instead_of=digest_of(current) if current else None)
            return None if found == versions else found

        await self._book.edit(subjects.VERSIONS_KEY.build(model=name), change)
        if not promote:
            return f"model {name} {manifest.version} kept; `bramble model promote {name} {manifest.version}` serves it"
        await self._put(manifest)
        return f"model {name} {manifest.version} added"

    async def promote(self, name: str, wanted: str) -> str:
        """Put a kept version into force; what serves goes on until nodes have proved it. Say what was done.

        Raises:
            UnknownModelError: there is no such model, or no such version.
            BadRequestError: ``wanted`` may mean several versions, or is in force.
            BusError: it could not be stored.

        """
        current = await self._require(name)
        chosen: list[Kept] = []

        def change(versions: Versions | None) -> Versions:
            known = keep(versions or Versions(), current, time.time())
            chosen[:] = [find(known, name, wanted)]
            if chosen[0].digest == digest_of(current):
                raise BadRequestError(
                    f"{name} {wanted} is in force already", remedy=f"`bramble model versions {name}` lists the others"
                )
            self._require_able(chosen[0].manifest)
            return put_in_force(known, chosen[0].digest, instead_of=digest_of(current))

        await self._book.edit(subjects.VERSIONS_KEY.build(model=name), change)
        manifest = chosen[0].manifest
        await self._put(manifest)
        text = f"{manifest.version} is put into force; {current.version} serves until nodes have proved it"
        await self._announce(name, "promoted", text)
        return f"{name} {text}"

    async def roll_back(self, name: str, *, because: str = "") -> str:
        """Put back into force what was before the version in force; say what was done.

        Raises:
            UnknownModelError: there is no such model.
            BadRequestError: there was none before it, or it is not kept any more.
            BusError: it could not be stored.

        """
        current = await self._require(name)
        before: list[Kept] = []

        def change(versions: Versions | None) -> Versions:
            known = keep(versions or Versions(), current, time.time())
            found = step_back(known, digest_of(current))
            if found is None:
                raise BadRequestError(
                    f"no version of {name} was in force before {current.version}, or it is not kept any more",
                    remedy=f"choose one of `bramble model versions {name}` with `bramble model promote`",
                )
            before[:] = [found]
            return go_back(known, digest_of(current))

        await self._book.edit(subjects.VERSIONS_KEY.build(model=name), change)
        manifest = before[0].manifest
        await self._put(manifest)
        text = f"{current.version} is taken back{because}; {manifest.version} is put into force again"
        await self._announce(name, "rolled-back", text)
        return f"{name} {text}"

    async def remove(self, name: str) -> str:
        """Stop serving a model, and keep none of its versions; say what was done.

        Raises:
            BusError: it could not be stored.

        """
        await self._config.delete(subjects.MODEL_KEY.build(model=name))
        await self._book.edit(subjects.VERSIONS_KEY.build(model=name), lambda _: Versions())
        return f"model {name} removed"

    async def look(self) -> None:
        """See what nodes made of the versions put into force: settle those that serve, take back what all refuse."""
        if not self._is_leader():
            return
        nodes = tuple(self._nodes())
        for manifest in self._catalogue.manifests:
            digest = self._catalogue.manifest_digest(manifest.name)
            versions = self._get(manifest.name)
            if versions.settled == digest:
                continue
            rollout = trace(manifest, nodes)
            try:
                if rollout.is_settled:
                    await self._settle(manifest, digest, rollout.ready)
                elif rollout.has_failed and step_back(versions, digest) is not None:
                    await self._take_back(manifest, next(iter(rollout.refused.values())))
            except BrambleError as error:
                extra = {"action": "keep_versions", "model": manifest.name, "why": error.message}
                _log.warning("version not kept up", extra=extra)

    async def _settle(self, manifest: Manifest, digest: str, nodes: tuple[str, ...]) -> None:
        key = subjects.VERSIONS_KEY.build(model=manifest.name)
        known = self._book.get(key)

        def change(now: Versions | None) -> Versions | None:
            """Begin a record where there is none: the manifest was put into the bucket by hand, or long ago."""
            return settle(keep(now or Versions(), manifest, time.time()), digest) if now == known else None

        written = await self._book.edit(key, change)
        if written is not None:
            await self._announce(manifest.name, "in-force", f"{manifest.version} serves on {', '.join(nodes)}")

    async def _take_back(self, manifest: Manifest, reason: str) -> None:
        """Take back a version that no node serves; on the record, since nobody asked for it."""
        done = await self.roll_back(manifest.name, because=f": every node refuses it: {reason[:200]}")
        deed = Deed(who=self._controller, action="model.rollback", target=manifest.name, detail=done[:MAX_DETAIL])
        await self._record(deed)

    async def _take(self) -> None:
        self._catalogue.remember(each.manifest for versions in self._book.entries.values() for each in versions.kept)
        self._on_change()

    def _get(self, name: str) -> Versions:
        return self._book.get(subjects.VERSIONS_KEY.build(model=name)) or Versions()

    async def _read(self, name: str) -> Manifest | None:
        """Return what is in force by the bucket's own word: what this controller has heard may be a moment old."""
        data = await self._config.get(subjects.MODEL_KEY.build(model=name))
        try:
            return decode_manifest(data) if data else None
        except ModelkitError as error:  # written by hand; what replaces it will be better
            _log.error("manifest refused", extra={"action": "manifest_refused", "model": name, "error": str(error)})
            return None

    async def _require(self, name: str) -> Manifest:
        return await self._read(name) or self._catalogue.require(name)

    def _require_able(self, manifest: Manifest) -> None:
        """Hold a version that is to replace another against the nodes.

        Raises:
            BadRequestError: there are nodes, and none of them can run it: nothing would serve the model any more.

        """
        there = [each.heartbeat for each in self._nodes() if each.liveness == "live"]
        if there and all(choose_variant(manifest, beat.variants) is None for beat in there):
            variants = ", ".join(manifest.variants) or "nothing"
            raise BadRequestError(
                f"no node can run {manifest.name} {manifest.version}, which is made for {variants}",
                remedy="`bramble doctor` says what each node can run",
            )

    async def _put(self, manifest: Manifest) -> None:
        await self._config.put(subjects.MODEL_KEY.build(model=manifest.name), encode_manifest(manifest))
        await self._catalogue.wait_for(manifest, within=SEEN_S)  # who asks for it next is not told that it is unknown

    async def _announce(self, model: str, kind: str, text: str) -> None:
        _log.info(text, extra={"action": kind.replace("-", "_"), "model": model})
        event = Event(at=time.time(), kind=kind, text=text)
        try:
            await self._link.publish(subjects.MODEL_EVENT.build(model=model, kind=kind), encode(event))
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "announce", "kind": kind, "error": error.message})
