"""How bad it is: one judgement for every node, camera and model, by plain rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from wire.cameras import CameraStatus
from wire.health import BUSY, HOT_C, LATE_S, frame_age
from wire.messages import ShardState
from wire.status import ClusterStatus, ModelStatus, NodeStatus


class Severity(IntEnum):
    """Worse is more."""

    OK = 0
    NOTE = 1  # on its way, or so because its user said so
    WARN = 2
    BAD = 3

    @property
    def mark(self) -> str:
        """A sign that needs no colour."""
        return "●○▲✖"[self]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How bad, the state's word, and why in words (empty while all is well)."""

    severity: Severity
    word: str
    why: str = ""


def judge_node(node: NodeStatus, *, waited_s: float = 0.0) -> Verdict:  # noqa: PLR0911 - one rule a line, worst first
    """Judge a node; ``waited_s`` is the age of the status itself."""
    beat = node.heartbeat
    if node.liveness == "dead":
        return Verdict(Severity.BAD, "dead", f"not heard for {node.age_s + waited_s:.0f} s")
    if node.liveness == "suspect":
        return Verdict(Severity.WARN, "suspect", f"not heard for {node.age_s + waited_s:.0f} s")
    rejected = [report for report in beat.shards if report.state is ShardState.REJECTED]
    if rejected:
        return Verdict(Severity.BAD, "rejected", f"{rejected[0].shard.model}: {rejected[0].reason}")
    if beat.draining:  # before its heat: it is to do nothing, and its user must see that it does as told
        return Verdict(Severity.NOTE, "draining", ", ".join(["takes no new work", *beat.throttling]))
    if beat.throttling:
        return Verdict(Severity.WARN, "throttled", ", ".join(beat.throttling))
    if beat.temperature_c is not None and beat.temperature_c >= HOT_C:
        return Verdict(Severity.WARN, "hot", f"{beat.temperature_c:.0f} °C")
    if beat.cpus and beat.load >= BUSY * beat.cpus:
        return Verdict(Severity.WARN, "overloaded", f"load {beat.load:.1f} on {beat.cpus} cores")
    unready = [report.shard.model for report in beat.shards if report.state is not ShardState.READY]
    if unready:
        return Verdict(Severity.NOTE, "loading", ", ".join(unready))
    return Verdict(Severity.OK, "live")


def judge_camera(camera: CameraStatus, at: float) -> Verdict:
    """Judge a camera at a moment of the controller's clock, in Unix seconds."""
    if camera.phase == "blind":
        return Verdict(Severity.BAD, "blind", camera.reason)
    if camera.phase != "live":
        return Verdict(Severity.NOTE, camera.phase, camera.reason)
    age = frame_age(camera, at)
    if age is None or age > max(LATE_S, 3 / camera.fps if camera.fps else LATE_S):
        return Verdict(Severity.WARN, "late", "no frame yet" if age is None else f"no frame for {age:.0f} s")
    return Verdict(Severity.OK, "live")


def judge_model(model: ModelStatus) -> Verdict:
    """Judge a model by who serves it."""
    if not model.nodes_ready:
        return Verdict(Severity.BAD, "unserved", "no node is ready to serve it")
    return Verdict(Severity.OK, "served")


def judge_cluster(status: ClusterStatus, at: float, *, waited_s: float = 0.0) -> tuple[Verdict, tuple[str, ...]]:
    """Judge the whole, and name what is not well, the worst first.

    Returns:
        The verdict, and a line for each thing that is worse than a note: ``node-3 dead: not heard for 12 s``.

    """
    found = [(node.node, judge_node(node, waited_s=waited_s)) for node in status.nodes]
    found += [(camera.camera, judge_camera(camera, at)) for camera in status.cameras]
    found += [(model.model, judge_model(model)) for model in status.models]
    problems = sorted((each for each in found if each[1].severity >= Severity.WARN), key=lambda each: -each[1].severity)
    lines = tuple(f"{name} {verdict.word}" + (f": {verdict.why}" if verdict.why else "") for name, verdict in problems)
    if not any(node.liveness == "live" for node in status.nodes):
        return Verdict(Severity.BAD, "DOWN", "no node is live"), ("no node is live", *lines)
    worst = max((verdict.severity for _, verdict in found), default=Severity.OK)
    word = {Severity.BAD: "DEGRADED", Severity.WARN: "STRAINED"}.get(worst, "OK")
    return Verdict(worst, word), lines
