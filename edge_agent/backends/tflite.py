"""The TFLite interpreter, which two packages offer: both backends that run ``.tflite`` files load it here."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.backends.base import BackendMissingError, Runtime, TensorSpec
from wire.errors import InternalError, ModelRejectedError

if TYPE_CHECKING:
    from edge_agent.backends.base import Array

# Distribution -> module. tflite-runtime ended at 2.14: ten times slower on int8, but the partner of most libedgetpu.
LITERT = ("ai-edge-litert", "ai_edge_litert.interpreter")
TFLITE_RUNTIME = ("tflite-runtime", "tflite_runtime.interpreter")


def find_runtime(preference: Sequence[tuple[str, str]]) -> tuple[Runtime, str]:
    """Return the first of the packages that is installed, and its module; nothing is loaded.

    Raises:
        BackendMissingError: none is.

    """
    for distribution, module in preference:
        if importlib.util.find_spec(module.partition(".")[0]) is not None:
            return Runtime(distribution, importlib.metadata.version(distribution)), module
    names = " or ".join(distribution for distribution, _ in preference)
    raise BackendMissingError(f"{names} is not installed", remedy="pip install 'bramble-edge[agent]'")


class TfliteModel:
    """A ``.tflite`` file in an interpreter. ``delegates`` are the runtime's own objects."""

    def __init__(self, module: str, path: Path, *, threads: int, delegates: Sequence[Any] = ()) -> None:
        runtime = importlib.import_module(module)
        try:
            self._interpreter = runtime.Interpreter(
                model_path=str(path), num_threads=threads, experimental_delegates=list(delegates) or None
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, SystemError) as error:  # what the interpreter raises for bad models
            raise ModelRejectedError(
                f"the runtime cannot load the model: {_first_line(error)}",
                remedy="build the model again, for this runtime and device",
            ) from error
        self._input_details = self._interpreter.get_input_details()
        self._output_details = self._interpreter.get_output_details()
        self.inputs = tuple(_describe(detail) for detail in self._input_details)
        self.outputs = tuple(_describe(detail) for detail in self._output_details)

    def run(self, tensors: Sequence[Array]) -> list[Array]:
        """Infer once."""
        try:
            for detail, tensor in zip(self._input_details, tensors, strict=True):
                self._interpreter.set_tensor(detail["index"], tensor)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(detail["index"]) for detail in self._output_details]
        except (ValueError, RuntimeError) as error:
            raise InternalError(f"the runtime failed: {_first_line(error)}") from error

    def close(self) -> None:
        """Nothing to do: the interpreter goes with its last reference, never under a thread that still uses it."""


def _describe(detail: dict[str, Any]) -> TensorSpec:
    scale, zero = detail["quantization"]
    return TensorSpec(
        tuple(int(size) for size in detail["shape"]),
        detail["dtype"].__name__,
        (float(scale), int(zero)) if scale else None,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
