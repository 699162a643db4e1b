"""Gathers what a plan needs: measures what is missing on nodes that are idle, and puts the facts together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from controller.catalogue import Catalogue
from controller.nodes.membership import Liveness
from controller.nodes.placement import choose_variant
from controller.planning import NoPlanError, Pin, Workload
from controller.planning.survey import Facts, Survey, choose_cut_variant, survey
from controller.surveying.artefacts import CUTTABLE, Artefacts
from controller.surveying.book import Book
from controller.surveying.freshness import is_link_fresh, is_profile_fresh
from controller.surveying.links import glance_at_link, has_changed, measure_link, slow_down
from controller.surveying.pace import REMEASURE_S, Pace, expect_seconds, has_drifted, to_scale
from modelkit.manifest import Manifest
from wire import subjects
from wire.bus import Bus
from wire.errors import BadRequestError, BrambleError, error_from_json
from wire.messages import Heartbeat, Shard, decode, encode
from wire.plans import PlanRequest
from wire.profiles import LinkProfile, Profile, ProfileRequest
from wire.status import NodeStatus

FRAME_BYTES = 60_000
"""A picture as cameras send it, where the model has no known one."""
PROFILING_S = 120.0
RETRY_S = 600.0
"""A node at work that spent time on a profile in vain is not asked again sooner: that took of what it serves with."""
CHEAP_S = 1.0
"""A refusal that comes sooner cost the node nothing."""
GRACE_S = 5.0

_log = logging.getLogger("bramble.surveying")


@dataclass(frozen=True, slots=True)
class Field:
    """A model and the nodes that could run it."""

    manifest: Manifest
    variant: str  # that pipelines are cut from
    workload: Workload
    candidates: tuple[tuple[Heartbeat, str], ...]  # and the variant in which each would run it
    frame_bytes: int


class Surveyor:
    """Knows nodes, links and models; ``nodes`` tells who is there."""

    def __init__(
        self,
        bus: Bus,
        catalogue: Catalogue,
        profiles: Book[Profile],
        links: Book[LinkProfile],
        *,
        nodes: Callable[[], Iterable[NodeStatus]],
    ) -> None:
        self._bus = bus
        self._catalogue = catalogue
        self._profiles = profiles
        self._links = links
        self._nodes = nodes
        self._paces: dict[str, Pace] = {}
        self._glances: dict[str, tuple[float, ...]] = {}  # how much slower links looked the last two times
        self._spared: dict[str, float] = {}  # nodes that are not to be asked for a profile, until when
        self.artefacts = Artefacts(bus)
        self._measuring = asyncio.Lock()  # two surveys at a time would disturb each other

    def note_paces(self) -> None:
        """Take note of how fast nodes serve; call it about once a second."""
        now = time.monotonic()
        beats = {status.node: status.heartbeat for status in self._nodes() if status.liveness == Liveness.LIVE}
        self._paces = {node: self._paces.get(node, Pace()).after(beat, now) for node, beat in beats.items()}

    async def look(self, request: PlanRequest) -> Field:
        """Find the nodes and the file that a request is about.

        Raises:
            UnknownModelError: the model is not configured.
            NoPlanError: no node could run it.
            BusError: its file did not come.

        """
        manifest = self._catalogue.require(request.model)
        if request.variant is not None and request.variant not in manifest.variants:
            raise BadRequestError(
                f"{manifest.name} has no variant {request.variant!r}",
                remedy=f"choose one of: {', '.join(manifest.variants)}",
            )
        candidates = []
        for status in self._nodes():
            beat = status.heartbeat
            offered = [each for each in beat.variants if request.variant in (None, each)]
            chosen = choose_variant(manifest, offered)
            if status.liveness == Liveness.LIVE and not beat.draining and chosen is not None:
                candidates.append((beat, chosen))
        if not candidates:
            raise NoPlanError(f"no node that is there can run {manifest.name}", remedy="see `bramble nodes`")
        facts = [Facts(beat, variant, None, None) for beat, variant in candidates]
        variant = choose_cut_variant(facts, (*CUTTABLE, "simulated")) or candidates[0][1]
        known = manifest.known_answer
        frame_bytes = known.bytes if known else FRAME_BYTES
        workload = await self.artefacts.describe(manifest, variant, frame_bytes=frame_bytes)
        return Field(manifest, variant, workload, tuple(candidates), frame_bytes)

    async def measure(self, field: Field, *, again: bool = False, sparing: bool = False) -> dict[str, str]:
        """Measure what is not known, or all of it ``again``; return for each node that could not be why.

        Agents on one machine are measured one after another, machines side by side. ``sparing`` leaves out nodes that
        spent time on it in vain a short while ago.
        """
        async with self._measuring:
            now = time.time()
            hosts: defaultdict[str, list[tuple[Heartbeat, str]]] = defaultdict(list)
            for beat, variant in field.candidates:
                hosts[beat.host or beat.node].append((beat, variant))
            problems: dict[str, str] = {}
            async with asyncio.TaskGroup() as tasks:
                for candidates in hosts.values():
                    tasks.create_task(
                        self._measure_host(field, candidates, now, problems, again=again, sparing=sparing)
                    )
            return problems

    async def watch_links(self, field: Field) -> None:
        """Glance at the links of a model's nodes; one that has changed is measured anew, or taken to be as it looks."""
        for beat, _ in field.candidates:
            key = subjects.LINK_KEY.build(node=beat.node)
            known = self._links.get(key)
            if known is None:
                continue
            try:
                ratio = await glance_at_link(self._bus.data, known)
                glances = (*self._glances.get(beat.node, ())[-1:], ratio)
                self._glances[beat.node] = glances
                if has_changed(known, glances):
                    idle = beat.in_flight + beat.queued == 0
                    now = slow_down(known, ratio, time.time())
                    await self._links.put(key, await measure_link(self._bus.data, beat.node) if idle else now)
                    self._glances.pop(beat.node)
                    _log.info("a link changed", extra={"action": "watch_links", "node": beat.node, "ratio": ratio})
            except BrambleError as error:
                _log.info("no glance", extra={"action": "watch_links", "node": beat.node, "why": error.message})

    def gather(self, field: Field, request: PlanRequest) -> Survey:
        """Put together what is known now."""
        facts = [
            Facts(
                heartbeat=beat,
                variant=variant,
                profile=self._find_profile(field, beat, variant),
                link=self._links.get(subjects.LINK_KEY.build(node=beat.node)),
                scale=to_scale(self._compare_pace(beat.node)),
                others_bytes=self._weigh_others(beat, field.manifest.name),
            )
            for beat, variant in field.candidates
        ]
        pins = tuple(Pin(each.start, each.end, frozenset(each.nodes)) for each in request.pins)
        return survey(
            field.workload,
            field.variant,
            facts,
            max_payload=self._bus.data.max_payload,
            pins=pins,
            stages=request.stages,
            wire=request.wire,
        )

    async def _measure_host(
        self,
        field: Field,
        candidates: Sequence[tuple[Heartbeat, str]],
        now: float,
        problems: dict[str, str],
        *,
        again: bool,
        sparing: bool,
    ) -> None:
        for beat, variant in candidates:
            try:
                at = _choose_places(field, variant)
                profile = self._find_profile(field, beat, variant)
                wanted = again or profile is None or not self._still_holds(profile, beat, at, now)
                if wanted and not (sparing and time.monotonic() < self._spared.get(beat.node, 0.0)):
                    await self._profile(field.manifest, beat, variant, at)
                key = subjects.LINK_KEY.build(node=beat.node)
                link = self._links.get(key)
                idle = beat.in_flight + beat.queued == 0
                if again or link is None or (idle and not is_link_fresh(link, now)):
                    await self._links.put(key, await measure_link(self._bus.data, beat.node))
            except BrambleError as error:
                _log.warning("not measured", extra={"action": "survey", "node": beat.node, "error": str(error)})
                problems[beat.node] = error.message

    async def _profile(self, manifest: Manifest, beat: Heartbeat, variant: str, at: tuple[int, ...]) -> None:
        digest = manifest.digest(variant)
        request = ProfileRequest(model=manifest.name, variant=variant, digest=digest, at=at, within_s=PROFILING_S)
        begun = time.monotonic()
        reply = await self._bus.control.request(
            subjects.NODE_COMMAND.build(node=beat.node, verb="profile"), encode(request), within=PROFILING_S + GRACE_S
        )
        if error := error_from_json(reply.data):
            if time.monotonic() - begun > CHEAP_S:
                self._spared[beat.node] = time.monotonic() + RETRY_S
            raise error
        profile = decode(reply.data, Profile)
        if (profile.node, profile.digest, profile.at, len(profile.seconds)) != (beat.node, digest, at, len(at) + 1):
            raise BadRequestError(
                f"{beat.node} answered with the profile of something else", remedy="upgrade its agent"
            )
        await self._profiles.put(subjects.PROFILE_KEY.build(node=beat.node, digest=digest), profile)
        _log.info("measured", extra={"action": "survey", "node": beat.node, "model": manifest.name})

    def _still_holds(self, profile: Profile, beat: Heartbeat, at: tuple[int, ...], now: float) -> bool:
        drifted = has_drifted(self._compare_pace(beat.node)) and now - profile.measured_at >= REMEASURE_S
        return not drifted and is_profile_fresh(profile, beat, at, now)

    def _compare_pace(self, node: str) -> float | None:
        """Return how much slower a node serves than its profiles say, where that can be said."""

        def expect(shard: Shard) -> float | None:
            profile = self._profiles.get(subjects.PROFILE_KEY.build(node=node, digest=shard.artefact))
            return expect_seconds(profile, shard) if profile else None

        pace = self._paces.get(node)
        return pace.compare(expect) if pace else None

    def _find_profile(self, field: Field, beat: Heartbeat, variant: str) -> Profile | None:
        digest = field.manifest.digest(variant)
        return self._profiles.get(subjects.PROFILE_KEY.build(node=beat.node, digest=digest))

    def _weigh_others(self, beat: Heartbeat, model: str) -> int:
        """Return the bytes that a node's other models take, as far as they were measured; else those of their files."""
        total = 0
        for report in beat.shards:
            if report.shard.model != model:
                total += self._weigh(beat.node, report.shard.model, report.shard.digest)
        return total

    def _weigh(self, node: str, model: str, digest: str) -> int:
        profile = self._profiles.get(subjects.PROFILE_KEY.build(node=node, digest=digest))
        if profile is not None:
            return profile.memory_bytes
        artefacts = self._catalogue.require(model).artefacts if model in self._catalogue else ()
        return sum(each.bytes for each in artefacts if each.sha256 == digest)


def _choose_places(field: Field, variant: str) -> tuple[int, ...]:
    """Return where prefixes are timed: nowhere for a variant that is not cut."""
    return field.workload.cuts[1:-1] if variant == field.variant else ()
