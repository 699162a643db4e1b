"""Models and chains of shards, run by the real LiteRT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from modelkit.slicing import Pipeline

DELEGATED = OpResolverType.AUTO  # XNNPACK, as agents use it
BUILTIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def load(data: bytes, kernels: OpResolverType = DELEGATED) -> Interpreter:
    interpreter = Interpreter(model_content=data, num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    return interpreter


def run(data: bytes, inputs: Sequence[np.ndarray], kernels: OpResolverType = DELEGATED) -> list[np.ndarray]:
    interpreter = load(data, kernels)
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def run_chain(
    pipeline: Pipeline, inputs: Sequence[np.ndarray], kernels: OpResolverType = DELEGATED
) -> list[np.ndarray]:
    """Each stage is given what the stage before put out, as it is."""
    values = list(inputs)
    for stage in pipeline.stages:
        values = run(stage.shard.data, values, kernels)
    return values


def make_inputs(data: bytes) -> list[np.ndarray]:
    """Noise over the whole range of each input."""
    random = np.random.default_rng(7)
    values = []
    for detail in load(data).get_input_details():
        if detail["dtype"] == np.int8:
            values.append(random.integers(-128, 128, detail["shape"]).astype(np.int8))
        else:
            values.append(random.uniform(-1, 1, detail["shape"]).astype(detail["dtype"]))
    return values


def differing(expected: Sequence[np.ndarray], actual: Sequence[np.ndarray]) -> int:
    """How many elements are not the same bit for bit."""
    count = 0
    for one, other in zip(expected, actual, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        count += int((one.view(np.uint8) != other.view(np.uint8)).sum())
    return count
