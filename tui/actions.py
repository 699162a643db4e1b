"""What the dashboard can ask the cluster to do."""

from __future__ import annotations

from dataclasses import dataclass

from wire.cameras import CameraConfig
from wire.plans import PlanRequest


@dataclass(frozen=True, slots=True)
class Drain:
    """Let a node finish what it holds and give it nothing new."""

    node: str

    def __str__(self) -> str:
        return f"Drain {self.node}? It finishes what it holds and gets no new frames."


@dataclass(frozen=True, slots=True)
class Undrain:
    """Give a node work again."""

    node: str

    def __str__(self) -> str:
        return f"Give {self.node} work again?"


@dataclass(frozen=True, slots=True)
class AddCamera:
    """Add a camera, or change the one of that name. The URL may hold a password and is never shown."""

    config: CameraConfig

    def __str__(self) -> str:
        return f"Add the camera {self.config.camera}?"


@dataclass(frozen=True, slots=True)
class RemoveCamera:
    """Remove a camera, once the last of its frames has found its end."""

    camera: str

    def __str__(self) -> str:
        return f"Remove the camera {self.camera}? Nobody will look through it until it is added again."


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """Put the best plan for a model into force, as it is when asked; what serves goes on until that is ready."""

    request: PlanRequest

    def __str__(self) -> str:
        return f"Lay {self.request.model} out anew for {self.request.objective}? It serves on while nodes get ready."


@dataclass(frozen=True, slots=True)
class ResetPlan:
    """Run a model whole on every node that can."""

    model: str

    def __str__(self) -> str:
        return f"Reset the plan of {self.model}? Every node that can will run the whole model."


@dataclass(frozen=True, slots=True)
class Promote:
    """Put a kept version of a model into force; nodes go on with theirs until they have proved it."""

    model: str
    version: str
    digest: str  # of its manifest: two versions may have one name

    def __str__(self) -> str:
        return f"Put version {self.version} of {self.model} into force? Nodes serve on while they fetch and prove it."


@dataclass(frozen=True, slots=True)
class RollBack:
    """Put the version of a model into force again that was before the present one."""

    model: str
    version: str  # the present one

    def __str__(self) -> str:
        return f"Take version {self.version} of {self.model} back? What was in force before it serves again."


@dataclass(frozen=True, slots=True)
class RetryJobs:
    """Try the failed jobs of a batch again; without names all whose pictures are kept."""

    batch: str
    jobs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"Try {'this job' if self.jobs else 'the failed jobs'} of the batch {self.batch} again?"


@dataclass(frozen=True, slots=True)
class CancelJobs:
    """End the jobs of a batch that have not ended."""

    batch: str

    def __str__(self) -> str:
        return f"Cancel what is left of the batch {self.batch}? Cancelled jobs cannot be tried again."


@dataclass(frozen=True, slots=True)
class ForgetBatch:
    """Remove a batch's outcomes and kept pictures."""

    batch: str

    def __str__(self) -> str:
        return f"Forget the batch {self.batch}? Its outcomes and the pictures kept of it are removed for good."


Action = (
    Drain
    | Undrain
    | AddCamera
    | RemoveCamera
    | ApplyPlan
    | ResetPlan
    | Promote
    | RollBack
    | RetryJobs
    | CancelJobs
    | ForgetBatch
)
"""``str(action)`` is the question that a person confirms."""
