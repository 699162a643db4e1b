"""What this controller tells of itself and of the cluster, put together from those who know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from controller.catalogue import Catalogue
from controller.endings import Endings
from controller.foundations import FoundationsKeeper
from controller.leases.keeper import LeaseKeeper
from controller.nodes.nodes import Nodes
from controller.ownership import Ownership
from controller.peers import Peers
from controller.proofs.prover import Prover
from controller.results.latency import worst_latencies
from controller.results.ledger import add_counts
from controller.results.results import Results
from controller.vitals import Vitals
from modelkit.manifest import Manifest
from wire.jobs import QueueStatus
from wire.plans import PlanState
from wire.status import ClusterStatus, ControllerStatus, ModelStatus
from wire.versions import VersionStatus


class Reporter:
    """Answers for ``controller``; ``metrics_url`` is set once it is known."""

    def __init__(
        self,
        controller: str,
        version: str,
        clock: Callable[[], float],
        *,
        catalogue: Catalogue,
        endings: Endings,
        foundations: FoundationsKeeper,
        keeper: LeaseKeeper,
        nodes: Nodes,
        ownership: Ownership,
        peers: Peers,
        prover: Prover,
        results: Results,
        vitals: Vitals,
        jobs: Callable[[], QueueStatus | None],
        plans: Callable[[], tuple[PlanState, ...]],
        versions: Callable[[Manifest], tuple[VersionStatus, ...]],
        unread: Callable[[], str],
    ) -> None:
        self.metrics_url = ""
        self._controller = controller
        self._version = version
        self._clock = clock
        self._started = clock()
        self._catalogue = catalogue
        self._endings = endings
        self._foundations = foundations
        self._keeper = keeper
        self._nodes = nodes
        self._ownership = ownership
        self._peers = peers
        self._prover = prover
        self._results = results
        self._vitals = vitals
        self._jobs = jobs
        self._plans = plans
        self._versions = versions
        self._unread = unread

    def cluster(self) -> ClusterStatus:
        """Return everything that can be told at a glance."""
        controllers = (self.own(), *self._peers.controllers(self._keeper.live_sessions()))
        return ClusterStatus(
            controller=self._controller,
            at=time.time(),
            counts=add_counts(each.counts for each in controllers),
            latency_ms=worst_latencies(each.latency_ms for each in controllers if each.liveness == "live"),
            nodes=self._nodes.statuses(),
            cameras=self._ownership.statuses(),
            models=tuple(self._describe(manifest) for manifest in self._catalogue.manifests),
            metrics_url=self.metrics_url,
            controllers=tuple(sorted(controllers, key=lambda each: each.controller)),
            jobs=self._jobs(),
            plans=self._plans(),
            foundations=self._foundations.found,
        )

    def leave_out_others(self, status: ClusterStatus) -> ClusterStatus:
        """Each camera is in the metrics of one controller: its owner's, or where it has none, the planner's."""
        own = {self._controller, ""} if self._keeper.plans else {self._controller}
        cameras = tuple(camera for camera in status.cameras if camera.controller in own)
        return msgspec.structs.replace(status, cameras=cameras)

    def own(self) -> ControllerStatus:
        """Return this controller's duties and ledger."""
        return ControllerStatus(
            controller=self._controller,
            session=self._keeper.session,
            at=time.time(),
            version=self._version,
            uptime_s=round(self._clock() - self._started, 1),
            plans=self._keeper.plans,
            cameras=self._ownership.running,
            counts=self._results.ledger.counts(),
            latency_ms=self._results.latencies.summary(),
            metrics_url=self.metrics_url,
            endings=self._endings.found,
            unread=self._unread(),
            losing=self._vitals.is_losing,
        )

    def _describe(self, manifest: Manifest) -> ModelStatus:
        return ModelStatus(
            model=manifest.name,
            version=manifest.version,
            task=manifest.task,
            licence=manifest.licence,
            variants=manifest.variants,
            nodes_ready=self._nodes.ready_for(manifest.name),
            cuts=self._prover.statuses(manifest.name),
            primary=self._nodes.standby.primary(manifest.name),
            standing_by=tuple(sorted(self._nodes.standby.of(manifest.name))),
            versions=self._versions(manifest),
        )


def find_teller(controllers: Iterable[ControllerStatus]) -> str:
    """Return the controller that tells what is wrong, so that each trouble is told once.

    That is the one that plans. While none does, somebody has to say just that: the first by name of those that live.
    """
    live = [each for each in controllers if each.liveness == "live"]
    return min(live, key=lambda each: (not each.plans, each.controller)).controller if live else ""
