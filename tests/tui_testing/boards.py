"""Clusters as their controller tells of them, and a source that never says more than it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from tests.tui_testing.plans import make_proposal
from tui.actions import Action
from tui.source import Put
from tui.updates import Update, Wants
from wire.cameras import CameraStatus
from wire.errors import BadRequestError
from wire.foundations import Foundations, ServerStatus, WitnessBeat, WitnessStatus
from wire.jobs import QueueStatus
from wire.messages import Counts, Detection, Heartbeat, Result, Shard, ShardReport, ShardState, Timings
from wire.plans import PlanReport, PlanRequest, PlanState
from wire.status import ClusterStatus, ControllerStatus, ModelStatus, NodeStatus

AT = 1_760_000_000.0
DIGEST = "ab" * 32
MODEL = "ssd_mobilenet_v2"


def make_report(
    model: str = MODEL, state: ShardState = ShardState.READY, *, ewma_ms: float = 24.0, reason: str = ""
) -> ShardReport:
    shard = Shard(model=model, version="1.0.0", variant="cpu-int8", digest=DIGEST)
    return ShardReport(shard=shard, state=state, ewma_ms=ewma_ms, served=1200, reason=reason)


def make_node(
    name: str = "node-1",
    liveness: str = "live",
    *,
    age_s: float = 0.4,
    load: float = 1.1,
    temperature_c: float | None = 54.0,
    throttling: tuple[str, ...] = (),
    draining: bool = False,
    shards: tuple[ShardReport, ...] = (make_report(),),
    session: str = "s",
    memory_available_bytes: int = 3 << 30,
    fenced: dict[str, str] | None = None,
) -> NodeStatus:
    beat = Heartbeat(
        node=name, session=session, seq=7, at=AT, uptime_s=7200.0, version="0.1.0", machine="aarch64",
        variants=("cpu-int8",), cpus=4, load=load, memory_bytes=4 << 30,
        memory_available_bytes=memory_available_bytes,
        rss_bytes=90 << 20, in_flight=1, queued=0, draining=draining, temperature_c=temperature_c,
        throttling=throttling, shards=shards,
    )  # fmt: skip
    return NodeStatus(node=name, liveness=liveness, age_s=age_s, heartbeat=beat, in_flight=1, fenced=fenced or {})


def make_camera(
    name: str = "door",
    phase: str = "live",
    *,
    reason: str = "",
    fps: float = 10.0,
    frame_age_s: float | None = 0.1,
    seconds_blind: float = 0.0,
    inferred: int = 5000,
    at: float = AT,
    controller: str = "local",
    degraded: dict[str, str] | None = None,
) -> CameraStatus:
    return CameraStatus(
        camera=name, source=f"rtsp://***@{name}.lan/stream", models=(MODEL,), phase=phase, reason=reason,
        since=at - 60, fps=fps, frames=inferred, restarts=0, counts=Counts(offered=inferred, inferred=inferred),
        last_frame_at=None if frame_age_s is None else at - frame_age_s, seconds_blind=seconds_blind,
        controller=controller, degraded=degraded or {},
    )  # fmt: skip


def make_controller(
    name: str = "local", *, plans: bool = True, cameras: tuple[str, ...] = (), at: float = AT, liveness: str = "live"
) -> ControllerStatus:
    return ControllerStatus(
        controller=name, session="c", at=at, version="0.1.0", uptime_s=7300.0, plans=plans, cameras=cameras,
        counts=Counts(offered=10_000, inferred=9_998, open=2), latency_ms={"p50": 31.0, "p99": 74.0},
        liveness=liveness,
    )  # fmt: skip


def make_status(
    nodes: Iterable[NodeStatus] = (),
    cameras: Iterable[CameraStatus] = (),
    *,
    at: float = AT,
    inferred: int = 10_000,
    dropped: int = 0,
    controller: str = "local",
    controllers: tuple[ControllerStatus, ...] | None = None,
    plans: tuple[PlanState, ...] = (),
    jobs: QueueStatus | None = QueueStatus(),  # noqa: B008 - frozen
) -> ClusterStatus:
    """Make a status; its nodes' clocks agree with the controller's, whenever they were made."""
    listed = tuple(
        replace(node, heartbeat=replace(node.heartbeat, at=at - node.age_s)) if node.heartbeat.at == AT else node
        for node in nodes
    )
    shown = tuple(cameras)
    if controllers is None:
        controllers = (make_controller(controller, cameras=tuple(camera.camera for camera in shown), at=at),)
    ready = tuple(node.node for node in listed if node.liveness == "live")
    model = ModelStatus(
        model=MODEL, version="1.0.0", task="detect", licence="Apache-2.0", variants=("cpu-int8",), nodes_ready=ready
    )
    drops = {"superseded": dropped} if dropped else {}
    return ClusterStatus(
        controller=controller,
        at=at,
        counts=Counts(offered=inferred + dropped, inferred=inferred, dropped=drops),
        latency_ms={"p50": 31.0, "p95": 58.0, "p99": 74.0},
        nodes=listed,
        cameras=shown,
        models=(model,),
        controllers=controllers,
        plans=plans,
        jobs=jobs,
    )


def make_result(frame: str = "0" * 21, camera: str = "door", *, at: float = AT, total_ms: float = 31.0) -> Result:
    return Result(
        frame=frame, camera=camera, model=MODEL, captured_at=at, timings=Timings(total_ms=total_ms),
        version="1.0.0", digest=DIGEST, nodes=("node-1",), width=640, height=360,
        detections=(
            Detection(label="Person", index=1, score=0.9, box=(0.1, 0.2, 0.4, 0.9)),
            Detection(label="Bicycle", index=2, score=0.8, box=(0.5, 0.3, 0.9, 0.95)),
        ),
    )  # fmt: skip


def healthy() -> ClusterStatus:
    """Three nodes and two cameras, all well."""
    return make_status(
        [make_node(f"node-{number}", load=0.8 + number / 10, temperature_c=50.0 + number) for number in (1, 2, 3)],
        [make_camera("door"), make_camera("yard", fps=5.0)],
    )


def shaken() -> ClusterStatus:
    """A server of two is away with its witness; another's cannot read its log."""
    beat = WitnessBeat(witness="witness-hub3", at=AT, version="0.1.0", reads=False)
    found = Foundations(
        servers=(
            ServerStatus(server="hub1", state="current"),
            ServerStatus(server="hub2", state="offline", silent_s=42.0),
        ),
        witnesses=(
            WitnessStatus(witness="witness-hub2", age_s=40.0),
            WitnessStatus(witness="witness-hub3", age_s=1.0, beat=beat),
        ),
    )
    return replace(healthy(), foundations=found)


def large() -> ClusterStatus:
    """Twenty nodes and thirty cameras: the size that Bramble is made for."""
    return large_status(20, 30)


def large_status(nodes: int, cameras: int, *, turn: int = 0, at: float = AT) -> ClusterStatus:
    """So many nodes and cameras, all well; with every ``turn`` all their numbers are others."""
    listed = [
        make_node(
            f"node-{number}", load=(number + turn) % 21 / 10, temperature_c=45.0 + (number + turn) % 20,
            shards=(make_report(ewma_ms=20.0 + (number + turn) % 9),), age_s=(number + turn) % 10 / 10,
        )
        for number in range(1, nodes + 1)
    ]  # fmt: skip
    shown = [
        make_camera(f"camera-{number}", fps=9.5 + (number + turn) % 10 / 10, inferred=5000 + 10 * turn, at=at)
        for number in range(1, cameras + 1)
    ]
    return make_status(listed, shown, at=at, inferred=10_000 + 300 * turn)


class StillSource:
    """Stands in for a cluster: hands over what it was given, remembers what it was asked, and waits."""

    def __init__(self, *updates: Update, refuse: bool = False) -> None:
        self.updates = updates
        self.acted: list[Action] = []
        self.wanted = Wants()
        self.hurried = 0
        self._refuse = refuse

    async def run(self, put: Put) -> None:
        for update in self.updates:
            put(update)
        await asyncio.Event().wait()

    def want(self, wants: Wants) -> None:
        self.wanted = wants

    def hurry(self) -> None:
        self.hurried += 1

    async def act(self, action: Action) -> str:
        self.acted.append(action)
        if self._refuse:
            raise BadRequestError("the node said no", remedy="ask again later")
        return "done as asked"

    async def propose(self, request: PlanRequest) -> PlanReport:
        if self._refuse:
            raise BadRequestError("no node can run it", remedy="add nodes")
        return make_proposal(request)
