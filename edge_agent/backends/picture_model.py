"""A model that takes pictures, whatever runtime it runs in: decode, preprocess, infer, interpret."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.backends.base import Findings, LoadedModel, Prepared, TensorSpec
from modelkit.answers import Answers, Classification
from modelkit.known_answer import check_known_answer
from modelkit.manifest import Manifest
from modelkit.picture import decode_picture, read_picture_info
from modelkit.postprocess import interpret
from modelkit.preprocess import WHOLE, Placement, decode_bounds, place, prepare_input
from wire.errors import InvalidTensorError, ModelRejectedError
from wire.headers import DEFAULT_TOP_K, WorkOrder
from wire.messages import Class, Detection
from wire.tensors import MAGIC, decode_tensors, to_array

if TYPE_CHECKING:
    from edge_agent.backends.base import Array


class PictureModel:
    """Serves a loaded model by its manifest.

    Raises ModelRejectedError where the model's input is not the manifest's.
    """

    def __init__(self, manifest: Manifest, model: LoadedModel) -> None:
        self._manifest = manifest
        self._model = model
        shapes = tuple(spec.shape for spec in model.inputs)
        if shapes != (manifest.input.shape,):
            model.close()
            raise ModelRejectedError(
                f"the model {manifest.name} takes {shapes}, its manifest says {manifest.input.shape}",
                remedy="correct [input] in the manifest",
            )

    def check(self, payload: bytes) -> None:
        """Read the size from the header before anything is decoded."""
        if not payload.startswith(MAGIC):
            read_picture_info(payload)

    def prepare(self, payload: bytes) -> Prepared:
        """Decode a picture no larger than needed, and make the input of it; or take the input as it was sent."""
        if payload.startswith(MAGIC):
            return self._accept_tensors(payload)
        started = time.perf_counter()
        spec = self._manifest.input
        info = read_picture_info(payload)
        min_width, min_height = decode_bounds(info, spec)
        pixels = decode_picture(payload, min_width=min_width, min_height=min_height)
        decoded = time.perf_counter()
        wanted = self._model.inputs[0]
        tensor = prepare_input(pixels, spec, dtype=wanted.dtype, quantization=wanted.quantization)
        return Prepared(
            info.width,
            info.height,
            decode_ms=(decoded - started) * 1e3,
            preprocess_ms=(time.perf_counter() - decoded) * 1e3,
            tensors=(tensor,),
            placement=place(info.width, info.height, spec),
        )

    def infer(self, prepared: Prepared) -> Sequence[Array]:
        """Run the model."""
        return self._model.run(prepared.tensors)

    def interpret(self, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Findings:
        """Make findings of the outputs."""
        return to_findings(
            self._manifest,
            self._read(outputs, prepared.placement, top_k=order.top_k, threshold=order.threshold),
        )

    def prove(self, picture: bytes | None) -> None:
        """Ask for the known answer; a model without one only has to run and to put out what its manifest says.

        Raises:
            ModelRejectedError: the answer is another one.
            InvalidTensorError: the outputs do not suit the manifest.

        """
        spec = self._manifest.input
        if picture is None:
            wanted = self._model.inputs[0]
            gray = np.full((spec.height, spec.width, 3), 128, np.uint8)
            tensor = prepare_input(gray, spec, dtype=wanted.dtype, quantization=wanted.quantization)
            self._read(self._model.run([tensor]), WHOLE, top_k=DEFAULT_TOP_K, threshold=None)
            return
        prepared = self.prepare(picture)
        answers = self._read(self.infer(prepared), prepared.placement, top_k=DEFAULT_TOP_K, threshold=None)
        check_known_answer(self._manifest, answers)

    def close(self) -> None:
        """Let go of the model."""
        self._model.close()

    def _read(self, outputs: Sequence[Array], placement: Placement, *, top_k: int, threshold: float | None) -> Answers:
        return interpret(
            self._manifest,
            outputs,
            placement,
            quantization=[spec.quantization for spec in self._model.outputs],
            top_k=top_k,
            threshold=threshold,
        )

    def _accept_tensors(self, payload: bytes) -> Prepared:
        started = time.perf_counter()
        arrays = [to_array(tensor) for tensor in decode_tensors(payload)]
        check_tensors(arrays, self._model.inputs)
        spec = self._manifest.input
        spent = (time.perf_counter() - started) * 1e3
        return Prepared(spec.width, spec.height, spent, 0.0, tensors=tuple(arrays), placement=WHOLE)


def check_tensors(arrays: Sequence[Array], wanted: Sequence[TensorSpec]) -> None:
    """Hold tensors from outside against what a model takes; runtimes accept NaN silently.

    Raises:
        InvalidTensorError: their number, a shape or a type is another, or a number is not finite.

    """
    found = [(tuple(array.shape), array.dtype.name) for array in arrays]
    expected = [(spec.shape, spec.dtype) for spec in wanted]
    if found != expected:
        raise InvalidTensorError(
            f"the tensors are {found[:4]}, the model takes {expected}", remedy="send the tensors that the model takes"
        )
    for index, array in enumerate(arrays):
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise InvalidTensorError(f"tensor {index} holds a number that is not finite", remedy="send finite numbers")


def to_findings(manifest: Manifest, answers: Answers) -> Findings:
    """Turn modelkit's answers into wire's."""
    if manifest.task == "classify":
        return Findings(classes=tuple(Class(label=a.label, index=a.index, score=a.score) for a in answers))
    return Findings(
        detections=tuple(
            Detection(label=a.label, index=a.index, score=a.score, box=a.box)
            for a in answers
            if not isinstance(a, Classification)
        )
    )
