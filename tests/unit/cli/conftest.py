"""What a cluster would say, as values."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from wire.cameras import CameraStatus
from wire.messages import Counts, Heartbeat, Result, Shard, ShardReport, ShardState, Timings
from wire.status import ClusterStatus, ModelStatus, NodeStatus


@pytest.fixture
def make_shard() -> Callable[..., ShardReport]:
    def make(model: str = "mobilenet_v2", **fields: object) -> ShardReport:
        shard = Shard(model=model, version="1", variant="cpu-int8", digest="0" * 64)
        return msgspec.structs.replace(ShardReport(shard=shard, state=ShardState.READY), **fields)

    return make


@pytest.fixture
def make_node() -> Callable[..., NodeStatus]:
    def make(name: str = "node-1", *, liveness: str = "live", **beat: object) -> NodeStatus:
        heartbeat = Heartbeat(
            node=name, session="s", seq=1, at=1.0, uptime_s=1.0, version="0", machine="aarch64", variants=("cpu-int8",),
            cpus=4, load=0.5, memory_bytes=1 << 30, memory_available_bytes=1 << 29, rss_bytes=64 << 20, in_flight=1,
            queued=2,
        )  # fmt: skip
        return NodeStatus(
            node=name, liveness=liveness, age_s=0.25, heartbeat=msgspec.structs.replace(heartbeat, **beat)
        )

    return make


@pytest.fixture
def make_camera() -> Callable[..., CameraStatus]:
    def make(**fields: object) -> CameraStatus:
        status = CameraStatus(
            camera="door", source="rtsp://***@cam/1", models=("ssd",), phase="live", reason="", since=0.0, fps=9.96,
            frames=7, restarts=0, counts=Counts(offered=7, inferred=4, gated=1, dropped={"superseded": 2}),
        )  # fmt: skip
        return msgspec.structs.replace(status, **fields)

    return make


@pytest.fixture
def make_status() -> Callable[..., ClusterStatus]:
    def make(**fields: object) -> ClusterStatus:
        status = ClusterStatus(
            controller="c", at=100.0, counts=Counts(), latency_ms={}, nodes=(), cameras=(), models=()
        )
        return msgspec.structs.replace(status, **fields)

    return make


@pytest.fixture
def make_model() -> Callable[..., ModelStatus]:
    def make(name: str = "mobilenet_v2", nodes: tuple[str, ...] = ("node-1",)) -> ModelStatus:
        return ModelStatus(
            model=name, version="1", task="classify", licence="MIT", variants=("cpu-int8",), nodes_ready=nodes
        )

    return make


@pytest.fixture
def make_result() -> Callable[..., Result]:
    def make(**fields: object) -> Result:
        result = Result(
            frame="f", camera="door", model="ssd", captured_at=0.0, timings=Timings(total_ms=12.5), nodes=("node-1",)
        )
        return msgspec.structs.replace(result, **fields)

    return make
