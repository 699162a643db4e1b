"""How bad it is: the findings of ``wire.health``, which every program shares, as a sign and a word for each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import msgspec

from wire import findings, health
from wire.cameras import CameraStatus
from wire.findings import Finding
from wire.foundations import ServerStatus, WitnessStatus
from wire.status import ClusterStatus, ControllerStatus, ModelStatus, NodeStatus


class Severity(IntEnum):
    """Worse is more."""

    OK = 0
    NOTE = 1  # on its way
    WARN = 2
    BAD = 3

    @property
    def mark(self) -> str:
        """A sign that needs no colour."""
        return "●○▲✖"[self]


SEVERITIES = {
    findings.Severity.WELL: Severity.OK,
    findings.Severity.WARNING: Severity.WARN,
    findings.Severity.BROKEN: Severity.BAD,
}
_WORDS = {
    "clock": "clock off",
    "throttling": "throttled",
    "temperature": "hot",
    "load": "overloaded",
    "memory": "low memory",
    "fence": "fenced",
    "frames": "losing",
    "ladder": "degraded",
    "served": "unserved",
    "expiry": "expiring",
    "answers": "dead",
    "messages": "losing",
    "log": "blind",
}
"""A state in a word of ten letters at most, by check; a check that is not here is its own word."""


_ITS_OWN = frozenset({"answers", "log", "messages", "expiry"})
"""What is found about a controller as a program; the rest is about the cluster, in its words."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How bad, the state's word, and why in words (empty while all is well)."""

    severity: Severity
    word: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.severity.mark} {self.word}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True)
class Assessment:
    """A status as it is now, and what is to be said of it."""

    status: ClusterStatus
    findings: tuple[Finding, ...]

    def of(self, about: str) -> tuple[Finding, ...]:
        """Return what is wrong with one thing, the worst first."""
        return self._wrong.get(about, ())

    @cached_property
    def _wrong(self) -> dict[str, tuple[Finding, ...]]:
        """What is wrong by what it is about: every row asks, and most have nothing."""
        found: dict[str, list[Finding]] = {}
        for each in self.troubles:
            found.setdefault(each.about, []).append(each)
        return {about: tuple(wrong) for about, wrong in found.items()}

    @cached_property
    def troubles(self) -> tuple[Finding, ...]:
        """Everything that is wrong, the worst first."""
        return worst_first(self.findings)


def assess(status: ClusterStatus, *, waited_s: float = 0.0) -> Assessment:
    """Judge a status that came ``waited_s`` seconds ago: what has not been heard of since is older by that."""
    nodes = tuple(msgspec.structs.replace(node, age_s=node.age_s + waited_s) for node in status.nodes)
    aged = msgspec.structs.replace(status, at=status.at + waited_s, nodes=nodes)
    return Assessment(aged, health.judge_cluster(aged))


def judge_node(node: NodeStatus, assessment: Assessment) -> Verdict:
    """Judge a node of the status."""
    found = assessment.of(f"node {node.node}")
    words = {"heartbeat": node.liveness, "shard": _shard_word(found)}
    return _sum_up(found, node.liveness, words)


def judge_camera(camera: CameraStatus, assessment: Assessment) -> Verdict:
    """Judge a camera of the status."""
    found = assessment.of(f"camera {camera.camera}")
    return _sum_up(found, camera.phase, {"pictures": "late" if camera.phase == "live" else camera.phase})


def judge_model(model: ModelStatus, assessment: Assessment) -> Verdict:
    """Judge a model of the status."""
    return _sum_up(assessment.of(f"model {model.model}"), "served")


def judge_controller(controller: ControllerStatus, assessment: Assessment) -> Verdict:
    """Judge one of the status's controllers as a program, not what it says of the whole."""
    found = [each for each in assessment.of(f"controller {controller.controller}") if each.check in _ITS_OWN]
    return _sum_up(found, controller.liveness)


def judge_server(server: ServerStatus, assessment: Assessment) -> Verdict:
    """Judge one of the status's servers."""
    return _sum_up(assessment.of(f"server {server.server}"), server.state, {"server": server.state})


def judge_witness(witness: WitnessStatus, assessment: Assessment) -> Verdict:
    """Judge one of the status's witnesses."""
    word = "full" if witness.beat and witness.beat.lost else "silent"
    return _sum_up(assessment.of(f"witness {witness.witness}"), "live", {"witness": word})


def judge_jobs(assessment: Assessment) -> Verdict:
    """Judge the queue of durable jobs."""
    known = assessment.status.jobs is not None
    return _sum_up(assessment.of("jobs"), "open") if known else Verdict(Severity.NOTE, "unknown")


def judge_cluster(assessment: Assessment) -> Verdict:
    """Judge the whole: as bad as the worst finding."""
    if not any(node.liveness == "live" for node in assessment.status.nodes):
        return Verdict(Severity.BAD, "DOWN", "no node is live")
    worst = max((SEVERITIES[each.severity] for each in assessment.findings), default=Severity.OK)
    return Verdict(worst, {Severity.BAD: "BROKEN", Severity.WARN: "WARNINGS"}.get(worst, "OK"))


def worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Leave out what is well, and put the worst first; equals stay in their order."""
    wrong = (each for each in found if each.severity is not findings.Severity.WELL)
    return tuple(sorted(wrong, key=lambda each: -SEVERITIES[each.severity]))


def _sum_up(found: Sequence[Finding], well: str, words: dict[str, str] | None = None) -> Verdict:
    if not found:
        return Verdict(Severity.OK, well)
    worst = found[0]
    word = {**_WORDS, **(words or {})}.get(worst.check, worst.check)
    texts = (each.text.removeprefix(f"{word}: ") for each in found)  # a cell beside it says the word
    return Verdict(SEVERITIES[worst.severity], word, "; ".join(texts))


def _shard_word(found: Sequence[Finding]) -> str:
    refused = any(each.check == "shard" and each.severity is findings.Severity.BROKEN for each in found)
    return "rejected" if refused else "loading"
