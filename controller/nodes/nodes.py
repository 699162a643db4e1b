"""The nodes: heartbeats in, seats in the pool and assignments out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from controller.canaries.fences import Fences
from controller.canaries.keeper import Perch
from controller.catalogue import Catalogue
from controller.dispatch.candidate import Role
from controller.dispatch.pool import Pool
from controller.lanes.footing import ACCELERATORS, Supply
from controller.nodes.membership import Liveness, Member, Members, fold, forget, is_missing, mark_gone, mark_suspect
from controller.nodes.placement import assign, find_spares
from controller.nodes.standby import Standby
from controller.proofs.prover import Prover
from controller.proofs.staffing import Post, list_posts, role_of
from wire import subjects
from wire.bus import Bucket, Received
from wire.errors import BadRequestError, BusError
from wire.messages import Heartbeat, Shard, ShardState, decode
from wire.plans import ModelPlan
from wire.policies import ServingPolicy
from wire.precision import Precision
from wire.status import NodeStatus

FORGET_S = 3600.0
"""A dead node is shown for so long."""

_log = logging.getLogger("bramble.nodes")


class Nodes:
    """Follows the members of the cluster and keeps the pool and the assignments in step with them."""

    def __init__(
        self,
        catalogue: Catalogue,
        pool: Pool,
        prover: Prover,
        assignments: Bucket,
        clock: Callable[[], float],
        *,
        leads: Callable[[], bool],
    ) -> None:
        self._leads = leads
        self._catalogue = catalogue
        self._pool = pool
        self._prover = prover
        self._assignments = assignments
        self._clock = clock
        self._members: Members = {}
        self._written: dict[str, bytes] = {}
        self.fences: Fences | None = None
        self.standby = Standby(clock)
        pool.standby = self.standby.of
        self._spares: dict[str, frozenset[str]] = {}  # by model
        pool.spares = lambda model: self._spares.get(model, frozenset())
        self.on_loss: Callable[[], None] = lambda: None  # a node has just been lost
        self._accelerated: set[str] = set()  # models that an accelerator has served
        self.plans: Callable[[], Mapping[str, ModelPlan]] = dict  # by model; without any, all is laid out automatically

    async def take_heartbeat(self, message: Received) -> None:
        """Handle ``node.<node>.heartbeat``."""
        fields = subjects.HEARTBEAT.parse(message.subject)
        try:
            beat = decode(message.data, Heartbeat)
        except BadRequestError as error:
            _log.warning(
                "heartbeat refused", extra={"action": "heartbeat", "subject": message.subject, "error": error.message}
            )
            return
        if fields is None or fields["node"] != beat.node:
            _log.warning("heartbeat of another node", extra={"action": "heartbeat", "subject": message.subject})
            return
        now = self._clock()
        new = beat.node not in self._members
        self._members = fold(self._members, beat, now)
        self._seat(self._members[beat.node], now)
        if new:
            _log.info("node joined", extra={"action": "join", "node": beat.node})
            await self.assign()

    async def take_event(self, message: Received) -> None:
        """Handle ``node.<node>.event.<kind>``: a node that leaves gets no more work at once."""
        fields = subjects.NODE_EVENT.parse(message.subject)
        if fields and fields["kind"] == "leaving":
            self._members = mark_gone(self._members, fields["node"], self._clock())
            self._take_out(fields["node"])
            _log.info("node left", extra={"action": "leave", "node": fields["node"]})
            self.on_loss()

    def tick(self) -> None:
        """Take silent nodes out of rotation; call it some times a second."""
        now = self._clock()
        self._members = forget(self._members, now, after_s=FORGET_S)
        for name, member in tuple(self._members.items()):
            if self._pool.is_barred(name) and is_missing(member, now):
                self._members = mark_suspect(self._members, name, now)
                _log.info("node missing", extra={"action": "miss", "node": name})
                self.on_loss()
            if self._members[name].liveness(now) is not Liveness.LIVE:
                self._take_out(name)
        self.standby.look(self._pool.serving)

    async def follow_policies(self, config: Bucket) -> None:
        """Keep up with who is to be primary, for ever."""
        async for entries in config.follow(subjects.POLICY_KEY.wildcard()):
            found = {}
            for key, data in entries.items():
                try:
                    policy = decode(data, ServingPolicy)
                except BadRequestError as error:
                    _log.error("policy refused", extra={"action": "policy", "key": key, "error": error.message})
                    continue
                if policy.primary:
                    found[policy.model] = policy.primary
            self.standby.replace(found)

    def note_leases(self) -> None:
        """Forget what was written: while another controller planned, it may have written otherwise."""
        if not self._leads():
            self._written.clear()

    def reseat(self) -> None:
        """Hold the members against a changed catalogue."""
        now = self._clock()
        for member in self._members.values():
            self._seat(member, now)

    async def assign(self) -> None:
        """Write down what each node that is there should serve; the business of the one controller that plans."""
        plans = self.plans()
        self._spares = {each.name: find_spares(plans.get(each.name), each) for each in self._catalogue.manifests}
        if not self._leads():
            return
        now = self._clock()
        for name, member in self._members.items():
            if member.liveness(now) is Liveness.DEAD:
                continue
            manifests = self._catalogue.manifests
            wanted = msgspec.json.encode(assign(name, member.heartbeat.variants, manifests, plans))
            if self._written.get(name) == wanted:
                continue
            try:
                await self._assignments.put(subjects.ASSIGNMENT_KEY.build(node=name), wanted)
            except BusError as error:
                _log.warning("assignment not written", extra={"action": "assign", "node": name, "error": error.message})
            else:
                self._written[name] = wanted

    def statuses(self) -> tuple[NodeStatus, ...]:
        """Return all nodes known, by name."""
        now = self._clock()
        return tuple(
            NodeStatus(
                node=name,
                liveness=self._members[name].liveness(now).value,
                age_s=round(now - self._members[name].heard_at, 2),
                heartbeat=self._members[name].heartbeat,
                in_flight=self._pool.in_flight(name),
                fenced={fence.model: fence.reason for fence in self.fences.of(name)} if self.fences else {},
            )
            for name in sorted(self._members)
        )

    def ready_for(self, model: str) -> tuple[str, ...]:
        """Return the nodes that serve a model now."""
        return self._pool.serving(model)

    def perches(self) -> list[Perch]:
        """Return which nodes say that they serve which whole models now, fenced or not."""
        now = self._clock()
        return [
            Perch(name, self._catalogue.of(report.shard.model, report.shard.digest), report.shard.digest)
            for name, member in self._members.items()
            if member.liveness(now) is Liveness.LIVE and not member.heartbeat.draining
            for report in member.heartbeat.shards
            if report.state is ShardState.READY and report.shard.stages == 1 and self._knows(report.shard)
        ]

    def supply(self, model: str) -> Supply:
        """Return what serves a model now, and whether an accelerator that served it is gone."""
        serving = set(self._pool.serving(model))
        fast = any(
            report.shard.model == model and report.shard.variant in ACCELERATORS and report.state is ShardState.READY
            for name in serving & self._members.keys()
            for report in self._members[name].heartbeat.shards
        )
        if fast:
            self._accelerated.add(model)
        return Supply(len(serving), accelerator_missing=not fast and model in self._accelerated)

    def _seat(self, member: Member, now: float) -> None:
        beat = member.heartbeat
        if member.liveness(now) is not Liveness.LIVE or beat.draining:
            self._take_out(beat.node)
            return
        self._prover.note(beat.node, tuple(post for post in list_posts(beat) if self._knows(post.shard)))
        offers: dict[Role, Precision] = {}
        service_s: dict[Role, float] = {}
        for report in beat.shards:
            shard = report.shard
            if report.state is not ShardState.READY or not self._knows(shard):
                continue
            if self.fences and self.fences.find(beat.node, shard.model, shard.artefact):
                continue
            if shard.cut is None or self._prover.is_proved(Post(beat.node, beat.session, shard)):
                role = role_of(shard)
                offers[role] = shard.wire
                service_s[role] = report.ewma_ms / 1e3
        self._pool.seat(beat.node, offers, beat.session, service_s)

    def _take_out(self, node: str) -> None:
        self._pool.unseat(node)
        self._prover.note(node, ())

    def _knows(self, shard: Shard) -> bool:
        return self._catalogue.knows(shard.model, shard.artefact)
