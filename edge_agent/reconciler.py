"""Makes the node serve what its assignment says, step by step, for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from edge_agent.backends.base import BackendMissingError
from edge_agent.cache import Source
from edge_agent.loader import Loader, check_shard
from edge_agent.plan import Drop, Holding, Load, Step, Wanted, next_retry, next_step, retry_delay
from edge_agent.worker import Worker
from modelkit.digest import sha256_bytes
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest, decode_manifest
from wire import subjects
from wire.bus import Bucket, Bus
from wire.errors import BadRequestError, BrambleError, BusError, ModelRejectedError
from wire.messages import Assignment, Shard, ShardReport, ShardState, decode

BUCKET_RETRY_S = 0.25

_log = logging.getLogger("bramble.agent")


@dataclass(frozen=True, slots=True)
class Known:
    """A manifest as it stands in the bucket. Either ``manifest`` or ``problem`` is there."""

    digest: str
    manifest: Manifest | None
    problem: str = ""


class Reconciler:
    """Follows the buckets and takes the steps that :func:`edge_agent.plan.next_step` names."""

    def __init__(
        self,
        node: str,
        bus: Bus,
        loader: Loader,
        worker: Worker,
        *,
        on_change: Callable[[], None],
        announce: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._node = node
        self._bus = bus
        self._loader = loader
        self._worker = worker
        self._on_change = on_change
        self._announce = announce
        self._assigned: tuple[Shard, ...] | None = None  # None: not yet heard
        self._manifests: dict[str, Known] | None = None
        self._held: dict[Shard, Holding] = {}
        self._changed = asyncio.Event()

    def reports(self) -> tuple[ShardReport, ...]:
        """Say how far the node is with each shard."""
        reports = []
        for shard, holding in self._held.items():
            tally = self._worker.tally(shard)
            reports.append(
                ShardReport(
                    shard=shard,
                    state=holding.state,
                    reason=holding.reason,
                    ewma_ms=tally.ewma_ms,
                    served=tally.served,
                    failed=tally.failed,
                )
            )
        return tuple(reports)

    def manifest(self, model: str) -> Manifest:
        """Return a model's manifest as the bucket has it.

        Raises:
            ModelRejectedError: there is none, or a bad one.

        """
        return find_manifest(model, (self._manifests or {}).get(subjects.MODEL_KEY.build(model=model)))

    async def open_store(self) -> Source:
        """Open where artefacts come from.

        Raises:
            BusError: it is not there.

        """
        return await self._bus.blobs(subjects.MODELS_STORE, create=False)

    def mark_broken(self, shard: Shard, reason: str) -> None:
        """Take note that a shard that was ready keeps failing: it has to prove itself anew."""
        held = self._held.get(shard)
        if held is not None:
            if self._worker.tally(shard).served:
                self._held[shard] = replace(held, retries=0)
            self._loader.distrust(shard.digest)
            self._reject(shard, held.manifest, reason)
            if self._loader.is_exclusive(shard.variant):
                self._loader.suspend(shard.variant)
            self._changed.set()

    def doubt(self, model: str) -> int:
        """Have the shards of a model that answered wrongly prove themselves anew; return how many."""
        ready = [s for s, held in self._held.items() if s.model == model and held.state is ShardState.READY]
        for shard in ready:
            self.mark_broken(shard, "a canary was answered wrongly")
        return len(ready)

    async def follow_assignment(self) -> None:
        """Keep up with what the node is to serve."""
        bucket = await self._open_bucket(subjects.ASSIGNMENTS_BUCKET)
        key = subjects.ASSIGNMENT_KEY.build(node=self._node)
        async for state in bucket.follow(key):
            self._assigned = read_assignment(state.get(key), self._assigned or ())
            self._changed.set()

    async def follow_manifests(self) -> None:
        """Keep up with the models' manifests."""
        bucket = await self._open_bucket(subjects.CONFIG_BUCKET)
        async for state in bucket.follow(subjects.MODEL_KEY.wildcard()):
            known = self._manifests or {}
            self._manifests = {
                key: known[key]
                if key in known and known[key].digest == sha256_bytes(data)
                else read_manifest(key, data)
                for key, data in state.items()
            }
            self._changed.set()

    async def run(self) -> None:
        """Take the steps that are due, and wait for the next change."""
        while True:
            self._changed.clear()
            step = self._next(time.monotonic())
            if step is not None:
                await self._take(step)
                continue
            retry_at = next_retry(self._held)
            try:
                await asyncio.wait_for(
                    self._changed.wait(), None if retry_at is None else max(0.0, retry_at - time.monotonic())
                )
            except TimeoutError:
                continue

    def _next(self, now: float) -> Step | None:
        if self._assigned is None or self._manifests is None:
            return None
        return next_step([self._want(shard) for shard in self._assigned], self._held, now)

    def _want(self, shard: Shard) -> Wanted:
        known = (self._manifests or {}).get(subjects.MODEL_KEY.build(model=shard.model))
        if known is None:
            return Wanted(shard, None, offered=False)
        return Wanted(shard, known.digest, offered=_offers(known, shard))

    async def _take(self, step: Step) -> None:
        """Take a step; a load that nobody wants any more is given up."""
        if isinstance(step, Drop):
            self._held.pop(step.shard)
            self._on_change()
            await self._worker.withdraw(step.shard)
            _log.info("dropped", extra={"action": "drop", "model": step.shard.model, "digest": step.shard.digest})
            return
        load = asyncio.create_task(self._load(step), name=f"load-{step.shard.model}")
        try:
            while not load.done():
                change = asyncio.create_task(self._changed.wait(), name="change")
                await asyncio.wait((load, change), return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if not load.done() and step.shard not in (self._assigned or ()):
                    load.cancel()
                    await asyncio.wait((load,))
                self._changed.clear()
        finally:
            load.cancel()
        if load.cancelled():
            await self._worker.withdraw(step.shard)
            self._held.pop(step.shard, None)
            self._on_change()
            return
        load.result()

    async def _load(self, step: Load) -> None:
        shard = step.shard
        known = (self._manifests or {}).get(subjects.MODEL_KEY.build(model=shard.model))
        digest = known.digest if known else None
        held = self._held.get(shard)
        serving = held is not None and held.state is ShardState.READY and not held.exclusive
        if not serving:
            await self._worker.withdraw(shard)  # it broke, or its device takes no second model

        def note(state: ShardState) -> None:
            if not serving:  # else it stays ready until the new one is
                self._note(shard, state, digest)

        note(ShardState.FETCHING)
        keep = {each.digest for each, holding in self._held.items() if holding.state is ShardState.READY}
        try:
            manifest = find_manifest(shard.model, known)
            servable = await self._loader.load(
                shard,
                manifest,
                open_store=self.open_store,
                keep=keep,
                on_state=note,
            )
            await self._worker.serve(shard, servable, self.mark_broken)
        except (BrambleError, ModelkitError) as error:
            reason = f"{error}: {error.remedy}" if error.remedy else str(error)
            state = ShardState.FETCHING if isinstance(error, BusError) else ShardState.REJECTED
            self._reject(shard, digest, reason, state)
            if isinstance(error, BackendMissingError):
                self._loader.suspend(shard.variant)
            await self._worker.withdraw(shard)
            await self._announce("rejected" if state is ShardState.REJECTED else "delayed", f"{shard.model}: {reason}")
            return
        exclusive = self._loader.is_exclusive(shard.variant)
        retries = held.retries if held else 0
        self._held[shard] = Holding(ShardState.READY, digest, exclusive=exclusive, retries=retries)
        self._on_change()
        await self._announce("ready", f"{shard.model} {shard.version} {shard.variant} {shard.digest[:12]}")

    async def _open_bucket(self, name: str) -> Bucket:
        """Open a bucket, however long it takes: a JetStream cluster is without a leader for seconds at a time."""
        while True:
            try:
                return await self._bus.bucket(name, create=False)
            except BusError as error:
                _log.warning("no bucket", extra={"action": "open_bucket", "bucket": name, "error": str(error)})
                await asyncio.sleep(BUCKET_RETRY_S)

    def _note(self, shard: Shard, state: ShardState, manifest: str | None) -> None:
        held = self._held.get(shard, Holding(state, manifest))
        self._held[shard] = replace(held, state=state, manifest=manifest, reason="", retry_at=None)
        self._on_change()

    def _reject(self, shard: Shard, manifest: str | None, reason: str, state: ShardState = ShardState.REJECTED) -> None:
        held = self._held.get(shard, Holding(state, manifest))
        self._held[shard] = replace(
            held,
            state=state,
            manifest=manifest,
            reason=reason,
            retries=held.retries + 1,
            retry_at=time.monotonic() + retry_delay(held.retries),
        )
        self._on_change()


def read_assignment(data: bytes | None, before: tuple[Shard, ...]) -> tuple[Shard, ...]:
    """Return the shards to serve; an assignment that cannot be read leaves things as they were."""
    if data is None:
        return ()
    try:
        return decode(data, Assignment).shards
    except BadRequestError as error:
        _log.error("a bad assignment", extra={"action": "read_assignment", "error": str(error)})
        return before


def read_manifest(key: str, data: bytes) -> Known:
    """Read a manifest; one that is bad is kept as its problem."""
    digest = sha256_bytes(data)
    try:
        manifest = decode_manifest(data)
    except ModelkitError as error:
        return Known(digest, None, str(error))
    if subjects.MODEL_KEY.build(model=manifest.name) != key:
        return Known(digest, None, f"the manifest under {key} is one of {manifest.name}")
    return Known(digest, manifest)


def find_manifest(model: str, known: Known | None) -> Manifest:
    """Return what is known of a model as its manifest.

    Raises:
        ModelRejectedError: there is none, or a bad one.

    """
    if known is None or known.manifest is None:
        problem = known.problem if known else "there is no manifest"
        raise ModelRejectedError(f"{model}: {problem}", remedy="push the model with `bramble model push`")
    return known.manifest


def _offers(known: Known, shard: Shard) -> bool:
    if known.manifest is None:
        return False
    try:
        check_shard(shard, known.manifest)
    except (BrambleError, ModelkitError):
        return False
    return True
