"""Plays a model's timing where no runtime is, or none is wanted: the answer is fixed and plainly marked.

No inference runtime is imported. Pictures are checked as everywhere, so that hostile input meets the same errors.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.backends.base import Activations, BackendMissingError, Findings, Prepared, Runtime
from edge_agent.backends.part import WHOLE, Part
from edge_agent.settings import Profile
from modelkit.manifest import Manifest, SimulatedSpec
from wire.errors import BadRequestError, InvalidTensorError, ModelRejectedError
from wire.headers import WorkOrder
from wire.messages import Class, Detection
from wire.profiles import Profile as NodeProfile
from wire.profiles import ProfileRequest
from wire.tensors import MAGIC, Tensor, TensorType, decode_tensors, encode_tensors

if TYPE_CHECKING:
    from edge_agent.backends.base import Array

LABEL = "simulated"
_MIDDLE = (0.25, 0.25, 0.75, 0.75)


class SimulatedModel:
    """Takes ``seconds`` for a frame; a stage before the last one hands ``activation_bytes`` on."""

    def __init__(self, manifest: Manifest, seconds: float, part: Part = WHOLE, activation_bytes: int = 0) -> None:
        from modelkit.picture import read_picture_info  # noqa: PLC0415 - an idle agent needs no codec

        self._manifest = manifest
        self._seconds = seconds
        self._part = part
        self._activation = Tensor(TensorType.UINT8, (activation_bytes,), bytes(activation_bytes))
        self._read_info = read_picture_info

    def check(self, payload: bytes) -> None:
        """Read the size from the header, as for a real model."""
        self._measure(payload)

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:
        """Read the size again: it is part of the answer."""
        started = time.perf_counter()
        width, height = self._measure(payload)
        if order.picture and not self._part.first:
            width, height = order.picture
        return Prepared(width, height, decode_ms=(time.perf_counter() - started) * 1e3, preprocess_ms=0.0)

    def infer(self, prepared: Prepared) -> Sequence[Array]:  # noqa: ARG002 - the time does not depend on the picture
        """Take the time."""
        time.sleep(self._seconds)
        return ()

    def interpret(self, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Findings | Activations:  # noqa: ARG002
        """Say that nothing was looked at, or hand on as many bytes as the model would."""
        if not self._part.last:
            return Activations(encode_tensors([self._activation]))
        if self._manifest.task == "detect":
            return Findings(detections=(Detection(label=LABEL, index=0, score=1.0, box=_MIDDLE),))
        return Findings(classes=(Class(label=LABEL, index=0, score=1.0),))

    def close(self) -> None:
        """Nothing is held."""

    def _measure(self, payload: bytes) -> tuple[int, int]:
        if payload.startswith(MAGIC):
            decode_tensors(payload)
            return self._manifest.input.width, self._manifest.input.height
        if not self._part.first:
            raise InvalidTensorError(f"stage {self._part.stage} takes tensors", remedy="send pictures to stage 0")
        info = self._read_info(payload)
        return info.width, info.height


class SimulatedBackend:
    """Serves the variant ``simulated`` of every model that has one."""

    name = "simulated"
    variants = ("simulated",)
    exclusive = False

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def find(self) -> Runtime:
        """It is always there."""
        return Runtime(self.name, "1")

    def serve(
        self,
        manifest: Manifest,
        variant: str,  # noqa: ARG002 - there is one only
        artefact: Path | None,  # noqa: ARG002 - and it has no file
        *,
        threads: int,  # noqa: ARG002 - nothing is computed
        part: Part = WHOLE,
    ) -> SimulatedModel:
        """Play the model, or a stage of it, by its manifest's seconds and this node's profile."""
        spec, seconds = self._read(manifest)
        if part.end > spec.operators:
            raise ModelRejectedError(
                f"{manifest.name} has {spec.operators} operators when simulated, not {part.end}",
                remedy="cut between two of them",
            )
        if part != WHOLE:
            seconds *= (part.end - part.start) / spec.operators
        return SimulatedModel(manifest, seconds, part, spec.activation_bytes)

    def declare(self, node: str, manifest: Manifest, request: ProfileRequest) -> NodeProfile:
        """Return the profile that the node plays: nothing is measured.

        Raises:
            BackendMissingError: the model says nothing about being simulated.
            BadRequestError: a cut is not inside the model.

        """
        spec, seconds = self._read(manifest)
        if request.at and not request.at[-1] < spec.operators:
            raise BadRequestError(
                f"{manifest.name} has {spec.operators} operators when simulated", remedy="cut between two of them"
            )
        return NodeProfile(
            node=node,
            model=manifest.name,
            variant="simulated",
            digest=request.digest,
            runtime="simulated 1",
            threads=1,
            at=request.at,
            seconds=tuple(seconds * at / spec.operators for at in (*request.at, spec.operators)),
            measured_at=time.time(),
            memory_bytes=spec.memory_bytes,
            declared=True,
        )

    def _read(self, manifest: Manifest) -> tuple[SimulatedSpec, float]:
        """Return how the model plays, and its seconds on this node."""
        if manifest.simulated is None:
            raise BackendMissingError(
                f"the model {manifest.name} says nothing about being simulated", remedy="add a [simulated] table"
            )
        seconds = self._profile.seconds.get(manifest.name, manifest.simulated.seconds)
        return manifest.simulated, seconds / self._profile.speed
