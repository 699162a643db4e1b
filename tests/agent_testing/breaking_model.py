"""A model that does to its process what native code can: crash or hang, as its input says."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_agent.backends.base import BackendMissingError, TensorSpec
from wire.errors import InternalError

FINE, CRASH, HANG, FAIL = 0.0, 1.0, 2.0, 3.0


class BreakingModel:
    """Doubles one number, unless the number stands for a mishap."""

    inputs = (TensorSpec((1,), "float32", None),)
    outputs = (TensorSpec((1,), "float32", (0.5, 3)),)

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        value = float(tensors[0][0])
        if value == CRASH:
            ctypes.string_at(0)
        if value == HANG:
            signal.pause()
        if value == FAIL:
            raise InternalError("the runtime failed", remedy="none")
        return [tensors[0] * 2]

    def close(self) -> None:
        """Nothing is held."""


def load(path: Path, *, threads: int) -> BreakingModel:  # noqa: ARG001 - the signature of a loader
    """Load, or fail as the file says."""
    if path.name == "missing":
        raise BackendMissingError("no device", remedy="plug it in")
    if path.name == "crash":
        ctypes.string_at(0)
    return BreakingModel()
