"""Plans, and what a controller proposes."""

from __future__ import annotations

from msgspec.structs import replace

from wire.cuts import cut_id
from wire.messages import Heartbeat, Shard, ShardReport, ShardState
from wire.plans import (
    Layout,
    ModelPlan,
    PlannedNode,
    PlannedStage,
    PlanOption,
    PlanReport,
    PlanRequest,
    PlanState,
)

WHOLE = "ab" * 32
CUTS = (24, 48)
CUT = cut_id(WHOLE, CUTS)
RANGES = ((0, 24), (24, 48), (48, 70))
FILES = ("01" * 32, "02" * 32, "03" * 32)
STAGE_MS = (22.0, 31.0, 18.0)


def make_pipeline() -> tuple[PlannedStage, ...]:
    """Three stages, each on a node of its own."""
    return tuple(
        PlannedStage(start=start, end=end, nodes=(f"node-{number}",), digest=FILES[number - 1])
        for number, (start, end) in enumerate(RANGES, 1)
    )


def make_plan_state(model: str, *, at: float, settled: bool = True, missing: tuple[str, ...] = ()) -> PlanState:
    """A pipeline of three stages, predicted to do 32 frames a second."""
    plan = ModelPlan(
        request=PlanRequest(model=model),
        layout=Layout(name="pipeline", version="1.0.0", variant="cpu-int8", whole=WHOLE, pipelines=(make_pipeline(),)),
        reason="a pipeline of 3 stages gives 2.1 times what replicas do: no node holds the whole model in memory",
        at=at,
        throughput_s=32.0,
        latency_s=0.081,
        stage_seconds=(tuple((ms / 1e3,) for ms in STAGE_MS),),
        settled=settled,
    )
    return PlanState(model=model, plan=plan, missing=missing)


def make_stage_report(model: str, stage: int, served: int, *, state: ShardState = ShardState.READY) -> ShardReport:
    """A node's word on its stage of that pipeline; ``stage`` counts from 0."""
    start, end = RANGES[stage]
    shard = Shard(
        model=model, version="1.0.0", variant="cpu-int8", digest=FILES[stage], stage=stage, stages=3, start=start,
        end=end, whole=WHOLE, cut=CUT,
    )  # fmt: skip
    return ShardReport(shard=shard, state=state, ewma_ms=STAGE_MS[stage] * 1.1, served=served)


def serve_stage(beat: Heartbeat, model: str, stage: int, served: int, at: float) -> Heartbeat:
    """A heartbeat that tells of one stage."""
    return replace(beat, at=at, shards=(make_stage_report(model, stage, served),))


def make_proposal(request: PlanRequest) -> PlanReport:
    """Replicas first, then the pipeline."""
    nodes = tuple(f"node-{number}" for number in (1, 2, 3))
    whole = (PlannedStage(start=0, end=70, nodes=nodes),)
    common = {"worst_latency_s": 0.08, "traffic_bytes": 60_000.0}
    replicas = PlanOption(
        name="replicas", pipelines=(whole,), throughput_s=96.4, latency_s=0.031, memory_bytes=61 << 20, **common
    )
    pipeline = PlanOption(
        name="pipeline", pipelines=(make_pipeline(),), throughput_s=32.0, latency_s=0.081, memory_bytes=24 << 20,
        **common,
    )  # fmt: skip
    planned = tuple(
        PlannedNode(
            node=node, variant="cpu-int8", whole_s=0.031, room_bytes=1 << 30, receive_bytes_s=1e8, send_bytes_s=1e8,
            latency_s=0.001,
        )
        for node in nodes
    )  # fmt: skip
    return PlanReport(
        model=request.model, version="1.0.0", variant="cpu-int8", objective=request.objective,
        options=(replicas, pipeline), reason="every node holds the whole model, so no link has to carry activations",
        exact=True, bound=96.4, nodes=planned, frame_bytes=60_000,
    )  # fmt: skip
