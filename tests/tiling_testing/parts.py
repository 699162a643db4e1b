"""The parts of a divided model, run by the real LiteRT and put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelkit.slicing import slice_model
from modelkit.tiling import Tiling, merge
from tests.slicing_testing.runtime import DELEGATED, OpResolverType, run


def run_parts(
    tiling: Tiling, inputs: Sequence[np.ndarray], kernels: OpResolverType = DELEGATED
) -> dict[int, np.ndarray]:
    """What crosses the cut, by tensor. Each part sees its own region of the inputs and nothing else."""
    pieces: dict[int, list[tuple[object, np.ndarray]]] = {tensor.index: [] for tensor in tiling.crossing}
    for part in tiling.parts:
        given = [piece.cut(inputs[0]) for piece in part.inputs]
        outputs = run(part.data, given, kernels)
        for piece, values in zip(part.outputs, outputs, strict=True):
            pieces[piece.tensor.index].append((piece.region, values))
    return {tensor.index: merge(tensor, pieces[tensor.index]) for tensor in tiling.crossing}  # type: ignore[arg-type]


def run_front(data: bytes, at: int, inputs: Sequence[np.ndarray], kernels: OpResolverType) -> dict[int, np.ndarray]:
    """The same by the undivided front."""
    shard = slice_model(data, 0, at)
    outputs = run(shard.data, inputs, kernels)
    return {tensor.index: values for tensor, values in zip(shard.outputs, outputs, strict=True)}


def worst_difference(expected: dict[int, np.ndarray], actual: dict[int, np.ndarray]) -> float:
    """The greatest difference of two elements; 0 where everything is the same bit for bit."""
    worst = 0.0
    for tensor, values in expected.items():
        assert (values.shape, values.dtype) == (actual[tensor].shape, actual[tensor].dtype)
        if values.tobytes() != actual[tensor].tobytes():
            worst = max(worst, float(np.abs(values.astype(np.float64) - actual[tensor].astype(np.float64)).max()))
    return worst
