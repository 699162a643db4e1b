"""What the rest of the agent knows of a backend. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec

from edge_agent.backends.part import WHOLE, Part
from modelkit.manifest import Manifest
from wire.errors import BrambleError
from wire.headers import WorkOrder
from wire.messages import Class, Detection
from wire.profiles import Profile, ProfileRequest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]


class BackendMissingError(BrambleError):
    """A runtime or a device is not on this node."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Which software runs the model: answers may differ between versions, so proofs name it."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model. ``quantization`` is scale and zero point; None: the numbers are real."""

    shape: tuple[int, ...]
    dtype: str  # numpy's name, such as int8
    quantization: tuple[float, int] | None


class LoadedModel(Protocol):
    """A model inside a runtime. Used by one thread at a time."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it takes, in order."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives, in order."""

    def run(self, tensors: Sequence[Array]) -> list[Array]:
        """Infer once; the arrays returned belong to the caller.

        Raises:
            InternalError: the runtime failed.

        """

    def close(self) -> None:
        """Let go of memory, processes and devices."""


class Prepared(msgspec.Struct, frozen=True):
    """A payload made ready for the runtime. Times in milliseconds."""

    width: int  # of the picture that was sent
    height: int
    decode_ms: float
    preprocess_ms: float
    tensors: tuple[Any, ...] = ()
    placement: Any = None  # modelkit's: where the input lies in the picture


class Findings(msgspec.Struct, frozen=True):
    """What a model says: exactly one of the two is set."""

    classes: tuple[Class, ...] | None = None
    detections: tuple[Detection, ...] | None = None


class Activations(msgspec.Struct, frozen=True):
    """What a stage hands to the next one, coded as it travels."""

    payload: bytes


class Servable(Protocol):
    """A model, or a stage of one, that serves. Errors are modelkit's or wire's."""

    def check(self, payload: bytes) -> None:
        """Refuse at the door what need not wait in the queue: costs microseconds, decodes nothing."""

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:
        """Decode and preprocess a picture; a later stage reads what the one before sent."""

    def infer(self, prepared: Prepared) -> Sequence[Array]:
        """Run the model; called by one thread at a time."""

    def interpret(self, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Findings | Activations:
        """Make findings of the model's outputs, or what goes to the next stage."""

    def close(self) -> None:
        """Let go of the model."""


class Backend(Protocol):
    """Something that can serve variants of models on this node."""

    name: str
    variants: tuple[str, ...]
    exclusive: bool  # its device takes one process at a time: the old model goes before the new one is tried

    def find(self) -> Runtime:
        """Say which runtime would run, without loading it.

        Raises:
            BackendMissingError: it is not on this node; the remedy says how to get it.

        """

    def serve(
        self, manifest: Manifest, variant: str, artefact: Path | None, *, threads: int, part: Part = WHOLE
    ) -> Servable:
        """Load a model, or the stage of it that the artefact is.

        Raises:
            ModelRejectedError: it cannot be loaded, or does not suit its manifest.
            BackendMissingError: the runtime or its device is gone.

        """


@runtime_checkable
class Declaring(Protocol):
    """A backend whose times are said, not measured."""

    def declare(self, node: str, manifest: Manifest, request: ProfileRequest) -> Profile:
        """Return the profile that the node plays.

        Raises:
            BackendMissingError: the model does not say how.
            BadRequestError: a cut is not inside the model.

        """
