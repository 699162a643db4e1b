"""LiteRT on the processor; the older tflite-runtime where that is what is installed."""

from __future__ import annotations

import importlib
from pathlib import Path

from edge_agent.backends.base import Runtime, Servable
from edge_agent.backends.part import WHOLE, Part
from edge_agent.backends.tflite import LITERT, TFLITE_RUNTIME, TfliteModel, find_runtime
from modelkit.manifest import Manifest
from wire.errors import ModelRejectedError

_PREFERENCE = (LITERT, TFLITE_RUNTIME)


class LitertBackend:
    """Serves ``.tflite`` files on the processor."""

    name = "litert"
    variants = ("cpu-int8", "cpu-f32")
    exclusive = False

    def find(self) -> Runtime:
        """Say which of the two packages would run."""
        return find_runtime(_PREFERENCE)[0]

    def serve(
        self, manifest: Manifest, variant: str, artefact: Path | None, *, threads: int, part: Part = WHOLE
    ) -> Servable:
        """Load a model, or a stage of one."""
        from edge_agent.backends.served_model import ServedModel  # noqa: PLC0415 - numpy comes with the first model

        _, module = find_runtime(_PREFERENCE)
        if artefact is None:
            raise ModelRejectedError(f"{manifest.name} has no file for {variant}", remedy="build the model again")
        return ServedModel(manifest, TfliteModel(module, artefact, threads=threads), part)


def load_runtime() -> None:
    """Import all that a first model would: most of an agent's start.

    Raises:
        BackendMissingError: the runtime is not on this node.

    """
    importlib.import_module("edge_agent.backends.served_model")
    importlib.import_module(find_runtime(_PREFERENCE)[1])
