"""Nodes, cameras and models as rows, the worst first: what a person looks for must not hide below the fold."""

from __future__ import annotations

from collections.abc import Iterable

from tui.columns import MARK, Column, Row
from tui.rows.order import natural_key, worst_first
from tui.severity import Assessment, Severity, judge_camera, judge_model, judge_node
from tui.texts import NONE, format_bytes, format_count, format_ms, format_span, printable
from tui.trends import count_lost
from wire.cameras import CameraStatus
from wire.health import frame_age
from wire.messages import ShardReport, ShardState
from wire.status import ModelStatus, NodeStatus

NODE_COLUMNS = (
    MARK,
    Column("node", "NODE", 12),
    Column("state", "STATE", 10),
    Column("load", "LOAD", 7, rank=2, right=True),
    Column("busy", "BUSY", 5, rank=1, right=True),
    Column("temp", "TEMP", 5, rank=3, right=True),
    Column("throttling", "THROTTLED", 13, rank=7),
    Column("accelerator", "ACCELERATOR", 11, rank=4),
    Column("memory", "FREE", 8, rank=5, right=True),
    Column("seen", "SEEN", 6, rank=6, right=True),
    Column("models", "MODELS, OR WHY", 22, grows=True),
)
CAMERA_COLUMNS = (
    MARK,
    Column("camera", "CAMERA", 12),
    Column("state", "STATE", 10),
    Column("fps", "FPS", 5, rank=1, right=True),
    Column("age", "FRAME", 6, rank=1, right=True),
    Column("blind", "BLIND", 6, rank=1, right=True),
    Column("lost", "LOST", 5, rank=3, right=True),
    Column("rung", "RUNG", 13, rank=4),
    Column("inferred", "INFERRED", 8, rank=5, right=True),
    Column("restarts", "RESTARTS", 8, rank=7, right=True),
    Column("owner", "OWNER", 12, rank=6),
    Column("what", "MODELS, OR WHY", 16, grows=True),
)
MODEL_COLUMNS = (
    MARK,
    Column("model", "MODEL", 18),
    Column("state", "STATE", 10),
    Column("version", "VERSION", 7, rank=3),
    Column("task", "TASK", 8, rank=4),
    Column("layout", "LAYOUT", 12, rank=5),
    Column("nodes", "READY ON, OR WHY", 16, grows=True),
)
SHARD_COLUMNS = (
    MARK,
    Column("model", "MODEL", 18),
    Column("state", "STATE", 10),
    Column("variant", "VARIANT", 9),
    Column("stage", "STAGE", 5, rank=3, right=True),
    Column("mean", "MEAN", 8, right=True),
    Column("served", "SERVED", 6, right=True),
    Column("failed", "FAILED", 6, right=True),
    Column("digest", "DIGEST, OR WHY NOT", 12, rank=4, grows=True),
)

_SHARD_SEVERITY = {ShardState.READY: Severity.OK, ShardState.REJECTED: Severity.BAD}
_ACCELERATORS = {"edgetpu": "Edge TPU"}
WHOLE = "whole"
"""The layout of a model that every node runs as it is."""


def node_rows(assessment: Assessment) -> tuple[Row, ...]:
    """Return a row a node under NODE_COLUMNS."""
    return worst_first(_node_row(node, assessment) for node in assessment.status.nodes)


def camera_rows(assessment: Assessment) -> tuple[Row, ...]:
    """Return a row a camera under CAMERA_COLUMNS."""
    return worst_first(_camera_row(camera, assessment) for camera in assessment.status.cameras)


def model_rows(assessment: Assessment) -> tuple[Row, ...]:
    """Return a row a model under MODEL_COLUMNS."""
    return worst_first(_model_row(model, assessment) for model in assessment.status.models)


def shard_rows(node: NodeStatus) -> tuple[Row, ...]:
    """Return a row for each shard of a node under SHARD_COLUMNS."""
    return tuple(_shard_row(report, node.fenced) for report in node.heartbeat.shards)


def describe_accelerators(variants: Iterable[str]) -> str:
    """Return what a node has beside its processor, by the variants of models that it can run; ``-`` for nothing."""
    return ", ".join(name for variant, name in _ACCELERATORS.items() if variant in variants) or NONE


def describe_rungs(camera: CameraStatus) -> str:
    """Say where a camera stands on the ladder: ``fewer frames``, by model where it has several; ``-`` at the top."""
    rungs = {model: rung.replace("_", " ") for model, rung in camera.degraded.items()}
    if len(camera.models) == 1:
        return next(iter(rungs.values()), NONE)
    return ", ".join(f"{model} {rung}" for model, rung in sorted(rungs.items())) or NONE


def _node_row(node: NodeStatus, assessment: Assessment) -> Row:
    beat = node.heartbeat
    verdict = judge_node(node, assessment)
    ready = ", ".join(f"{each.shard.model} {format_ms(each.ewma_ms)}" for each in beat.shards if _is_ready(each))
    gone = node.liveness == "dead"
    return Row(
        node.node,
        verdict.severity,
        (
            verdict.severity.mark,
            node.node,
            verdict.word,
            NONE if gone else f"{beat.load:.1f}/{beat.cpus}",
            NONE if gone else f"{beat.in_flight}+{beat.queued}",
            NONE if gone or beat.temperature_c is None else f"{beat.temperature_c:.0f} °C",
            NONE if gone else printable(", ".join(beat.throttling)) or NONE,
            describe_accelerators(beat.variants),
            NONE if gone else format_bytes(beat.memory_available_bytes),
            format_span(node.age_s),
            printable(verdict.why or ready or NONE),
        ),
    )


def _is_ready(report: ShardReport) -> bool:
    return report.state is ShardState.READY


def _camera_row(camera: CameraStatus, assessment: Assessment) -> Row:
    verdict = judge_camera(camera, assessment)
    return Row(
        camera.camera,
        verdict.severity,
        (
            verdict.severity.mark,
            camera.camera,
            printable(verdict.word),
            f"{camera.fps:.1f}",
            format_span(frame_age(camera, assessment.status.at)),
            format_span(camera.seconds_blind) if camera.seconds_blind else NONE,
            format_count(count_lost(camera.counts)),
            printable(describe_rungs(camera)),
            format_count(camera.counts.inferred),
            str(camera.restarts),
            camera.controller or NONE,
            printable(verdict.why or ", ".join(camera.models)),
        ),
    )


def _model_row(model: ModelStatus, assessment: Assessment) -> Row:
    status = assessment.status
    verdict = judge_model(model, assessment)
    live = sum(node.liveness == "live" for node in status.nodes)
    ready = f"{len(model.nodes_ready)}/{live} " + ", ".join(sorted(model.nodes_ready, key=natural_key))
    plan = next((state.plan for state in status.plans if state.model == model.model), None)
    cells = (
        verdict.severity.mark,
        model.model,
        verdict.word,
        model.version,
        model.task,
        plan.layout.name if plan else WHOLE,
        verdict.why or ready,
    )
    return Row(model.model, verdict.severity, tuple(map(printable, cells)))


def _shard_row(report: ShardReport, fenced: dict[str, str]) -> Row:
    shard = report.shard
    fence = fenced.get(shard.model, "")
    severity = Severity.BAD if fence else _SHARD_SEVERITY.get(report.state, Severity.NOTE)
    return Row(
        f"{shard.model}/{shard.cut or ''}/{shard.stage}",
        severity,
        (
            severity.mark,
            shard.model,
            "fenced" if fence else report.state.value,
            printable(shard.variant),
            f"{shard.stage + 1}/{shard.stages}",
            format_ms(report.ewma_ms),
            format_count(report.served),
            format_count(report.failed),
            printable(fence or report.reason) or shard.digest[:12],
        ),
    )
