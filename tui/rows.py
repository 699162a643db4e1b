"""Statuses as table rows, the worst first: what a person looks for must not hide below the fold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tui.columns import Column, Row
from tui.findings import describe_findings
from tui.severity import Severity, judge_camera, judge_model, judge_node
from tui.state import LogLine
from tui.texts import NONE, format_bytes, format_clock, format_count, format_ms, format_span, printable
from tui.trends import count_lost
from wire.cameras import CameraStatus
from wire.health import frame_age
from wire.messages import Result, ShardReport, ShardState
from wire.status import ClusterStatus, ModelStatus, NodeStatus

MARK = Column("mark", " ", 1)

NODE_COLUMNS = (
    MARK,
    Column("node", "NODE", 12),
    Column("state", "STATE", 10),
    Column("load", "LOAD", 7, rank=2, right=True),
    Column("busy", "BUSY", 5, rank=1, right=True),
    Column("temp", "TEMP", 5, rank=3, right=True),
    Column("memory", "FREE", 8, rank=5, right=True),
    Column("seen", "SEEN", 6, rank=6, right=True),
    Column("models", "MODELS", 22, grows=True),
)
CAMERA_COLUMNS = (
    MARK,
    Column("camera", "CAMERA", 12),
    Column("state", "STATE", 10),
    Column("fps", "FPS", 5, rank=1, right=True),
    Column("age", "FRAME", 6, rank=1, right=True),
    Column("blind", "BLIND", 6, rank=1, right=True),
    Column("lost", "LOST", 5, rank=3, right=True),
    Column("inferred", "INFERRED", 8, rank=5, right=True),
    Column("restarts", "RESTARTS", 8, rank=6, right=True),
    Column("what", "MODELS", 16, grows=True),
)
MODEL_COLUMNS = (
    MARK,
    Column("model", "MODEL", 18),
    Column("state", "STATE", 10),
    Column("version", "VERSION", 7, rank=3),
    Column("task", "TASK", 8, rank=4),
    Column("nodes", "READY ON", 16, grows=True),
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
LOG_COLUMNS = (
    Column("at", "TIME", 8),
    Column("source", "SOURCE", 14),
    Column("kind", "WHAT", 12),
    Column("text", "IN WORDS", 20, grows=True),
)
RESULT_COLUMNS = (
    MARK,
    Column("at", "TIME", 8),
    Column("camera", "CAMERA", 12),
    Column("model", "MODEL", 16, rank=2),
    Column("found", "FOUND", 18, grows=True),
    Column("nodes", "NODES", 8, rank=3),
    Column("total", "TOTAL", 7, right=True),
)

_SHARD_SEVERITY = {ShardState.READY: Severity.OK, ShardState.REJECTED: Severity.BAD}
# The kinds of events that call for a look; all others are told, not judged.
_BAD_KINDS = frozenset({"dead", "blind", "rejected", "unserved", "disconnected", "no controller"})
_WARN_KINDS = frozenset(
    {"suspect", "late", "throttled", "hot", "overloaded", "refused", "delayed", "leaving", "restarted"}
)


def node_rows(status: ClusterStatus, *, waited_s: float = 0.0) -> tuple[Row, ...]:
    """Return a row a node under NODE_COLUMNS; ``waited_s`` is the age of the status."""
    return _worst_first(_node_row(node, waited_s) for node in status.nodes)


def camera_rows(status: ClusterStatus, at: float) -> tuple[Row, ...]:
    """Return a row a camera under CAMERA_COLUMNS; ``at`` is now on the controller's clock, in Unix seconds."""
    return _worst_first(_camera_row(camera, at) for camera in status.cameras)


def model_rows(status: ClusterStatus) -> tuple[Row, ...]:
    """Return a row a model under MODEL_COLUMNS."""
    live = sum(node.liveness == "live" for node in status.nodes)
    return _worst_first(_model_row(model, live) for model in status.models)


def shard_rows(node: NodeStatus) -> tuple[Row, ...]:
    """Return a row for each shard of a node under SHARD_COLUMNS."""
    return tuple(_shard_row(report) for report in node.heartbeat.shards)


def log_rows(lines: Iterable[LogLine]) -> tuple[Row, ...]:
    """Return a row a line under LOG_COLUMNS, the newest first."""
    numbered = list(enumerate(lines))
    return tuple(
        Row(
            f"{number}",
            judge_kind(line.kind),
            (format_clock(line.at), *map(printable, (line.source, line.kind, line.text))),
        )
        for number, line in reversed(numbered)
    )


def result_rows(results: Iterable[Result]) -> tuple[Row, ...]:
    """Return a row a result under RESULT_COLUMNS, the newest first."""
    return tuple(_result_row(result) for result in reversed(list(results)))


def result_key(result: Result) -> str:
    """Return what tells a result from all others."""
    return f"{result.frame}/{result.model}"


def judge_kind(kind: str) -> Severity:
    """Judge an event by its kind."""
    if kind in _BAD_KINDS:
        return Severity.BAD
    return Severity.WARN if kind in _WARN_KINDS else Severity.OK


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Order ``node-2`` before ``node-10``."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def _worst_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.severity, natural_key(row.key))))


def _node_row(node: NodeStatus, waited_s: float) -> Row:
    beat = node.heartbeat
    verdict = judge_node(node, waited_s=waited_s)
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
            NONE if gone else format_bytes(beat.memory_available_bytes),
            format_span(node.age_s + waited_s),
            printable(verdict.why if verdict.severity >= Severity.WARN else ready or NONE),
        ),
    )


def _is_ready(report: ShardReport) -> bool:
    return report.state is ShardState.READY


def _camera_row(camera: CameraStatus, at: float) -> Row:
    verdict = judge_camera(camera, at)
    return Row(
        camera.camera,
        verdict.severity,
        (
            verdict.severity.mark,
            camera.camera,
            printable(verdict.word),
            f"{camera.fps:.1f}",
            format_span(frame_age(camera, at)),
            format_span(camera.seconds_blind) if camera.seconds_blind else NONE,
            format_count(count_lost(camera.counts)),
            format_count(camera.counts.inferred),
            str(camera.restarts),
            printable(verdict.why or ", ".join(camera.models)),
        ),
    )


def _model_row(model: ModelStatus, live: int) -> Row:
    verdict = judge_model(model)
    ready = f"{len(model.nodes_ready)}/{live} " + ", ".join(sorted(model.nodes_ready, key=natural_key))
    cells = (verdict.severity.mark, model.model, verdict.word, model.version, model.task, verdict.why or ready)
    return Row(model.model, verdict.severity, tuple(map(printable, cells)))


def _shard_row(report: ShardReport) -> Row:
    shard = report.shard
    severity = _SHARD_SEVERITY.get(report.state, Severity.NOTE)
    return Row(
        f"{shard.model}/{shard.stage}",
        severity,
        (
            severity.mark,
            shard.model,
            report.state.value,
            printable(shard.variant),
            f"{shard.stage + 1}/{shard.stages}",
            format_ms(report.ewma_ms),
            format_count(report.served),
            format_count(report.failed),
            printable(report.reason) or shard.digest[:12],
        ),
    )


def _result_row(result: Result) -> Row:
    severity = Severity.BAD if result.error else Severity.WARN if result.redone else Severity.OK
    return Row(
        result_key(result),
        severity,
        (
            severity.mark,
            format_clock(result.captured_at),
            result.camera,
            result.model,
            describe_findings(result) + (" (asked twice)" if result.redone else ""),
            ">".join(result.nodes) or NONE,
            format_ms(result.timings.total_ms),
        ),
    )
