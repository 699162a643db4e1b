"""``:`` goes straight to a view, a node, a camera or a model by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wire.status import ClusterStatus

VIEWS = ("overview", "findings", "plans", "jobs", "controllers", "events", "results", "trends", "logs")

Kind = Literal["view", "node", "camera", "model", "batch", "logs"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where to go."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == "view" else f"{self.kind} {self.name}"


def list_targets(status: ClusterStatus | None) -> tuple[Target, ...]:
    """Return every place there is: views, nodes, cameras, models."""
    views = [Target("view", name) for name in VIEWS]
    if status is None:
        return tuple(views)
    nodes = [Target("node", node.node) for node in status.nodes]
    cameras = [Target("camera", camera.camera) for camera in status.cameras]
    return (*views, *nodes, *cameras, *(Target("model", model.model) for model in status.models))


def find_target(text: str, targets: Iterable[Target]) -> Target | None:
    """Return the place that a person means.

    ``camera door`` or ``door``; a whole name wins over a beginning, a beginning over a part, and among equals the
    first in the list. None when nothing fits.
    """
    wanted = " ".join(text.lower().split())
    if not wanted:
        return None
    found = list(targets)
    for fits in (_is_whole, _begins, _contains):
        for target in found:
            if fits(wanted, target):
                return target
    return None


def _is_whole(wanted: str, target: Target) -> bool:
    return wanted in (target.name.lower(), str(target).lower())


def _begins(wanted: str, target: Target) -> bool:
    return target.name.lower().startswith(wanted) or str(target).lower().startswith(wanted)


def _contains(wanted: str, target: Target) -> bool:
    return wanted in str(target).lower()
