"""onnxruntime on the processor."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.backends.base import BackendMissingError, Runtime, Servable, TensorSpec
from edge_agent.backends.part import WHOLE, Part, require_whole
from modelkit.manifest import Manifest
from wire.errors import InternalError, ModelRejectedError

if TYPE_CHECKING:
    from edge_agent.backends.base import Array

_DISTRIBUTION = "onnxruntime"
_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


class OnnxModel:
    """An ``.onnx`` file in a session."""

    def __init__(self, path: Path, *, threads: int) -> None:
        runtime = importlib.import_module(_DISTRIBUTION)
        self._errors = _error_kinds()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self.inputs = tuple(_describe(each) for each in self._session.get_inputs())
            self.outputs = tuple(_describe(each) for each in self._session.get_outputs())
        except self._errors as error:
            raise ModelRejectedError(
                f"the runtime cannot load the model: {str(error)[:300]}", remedy="export the model again"
            ) from error
        self._names = [each.name for each in self._session.get_inputs()]

    def run(self, tensors: Sequence[Array]) -> list[Array]:
        """Infer once."""
        try:
            found: list[Array] = self._session.run(None, dict(zip(self._names, tensors, strict=True)))
        except self._errors as error:
            raise InternalError(f"the runtime failed: {str(error)[:300]}") from error
        return found

    def close(self) -> None:
        """Nothing to do: the session goes with its last reference, never under a thread that still uses it."""


class OnnxBackend:
    """Serves ``.onnx`` files on the processor."""

    name = "onnx"
    variants = ("onnx",)
    exclusive = False

    def find(self) -> Runtime:
        """Say which onnxruntime would run."""
        if importlib.util.find_spec(_DISTRIBUTION) is None:
            raise BackendMissingError("onnxruntime is not installed", remedy="pip install 'bramble-edge[onnx]'")
        return Runtime(_DISTRIBUTION, importlib.metadata.version(_DISTRIBUTION))

    def serve(
        self, manifest: Manifest, variant: str, artefact: Path | None, *, threads: int, part: Part = WHOLE
    ) -> Servable:
        """Load a model."""
        from edge_agent.backends.served_model import ServedModel  # noqa: PLC0415 - numpy comes with the first model

        self.find()
        require_whole(part, "ONNX")
        if artefact is None:
            raise ModelRejectedError(f"{manifest.name} has no file for {variant}", remedy="build the model again")
        return ServedModel(manifest, OnnxModel(artefact, threads=threads))


def _error_kinds() -> tuple[type[Exception], ...]:
    """Return what the runtime raises: its own exceptions have no base in common but Exception."""
    native = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = [kind for kind in vars(native).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError)


def _describe(value: Any) -> TensorSpec:
    """Return an input or output as the agent has them; a dimension left open counts as 1."""
    kind = _TYPES.get(value.type)
    if kind is None:
        raise ValueError(f"{value.name} is a {value.type}, which is not supported")
    return TensorSpec(tuple(size if isinstance(size, int) else 1 for size in value.shape), kind, None)
