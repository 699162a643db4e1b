"""A model cut at several places: the shards, and which tensors travel between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelkit.slicing.graph import Graph, Tensor
from modelkit.slicing.model import read_model
from modelkit.slicing.shard import Shard, slice_out

FRAME = -1  # the origin of the model's own inputs


@dataclass(frozen=True, slots=True)
class Arrival:
    """A tensor in what a stage is sent."""

    tensor: Tensor
    origin: int  # the stage that computed it, FRAME for an input of the model


@dataclass(frozen=True, slots=True)
class Stage:
    """One shard at its place in the chain."""

    shard: Shard
    arrives: tuple[Arrival, ...]  # all that the stage is sent, in the order of the shard's inputs

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """All that it sends on."""
        return self.shard.outputs

    @property
    def passes(self) -> tuple[Tensor, ...]:
        """What arrives and is handed on as it is, since a later stage or the result needs it."""
        leaving = set(self.leaves)
        return tuple(arrival.tensor for arrival in self.arrives if arrival.tensor in leaving)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The whole model as a chain of stages: each takes what the one before sends on, the last gives the outputs."""

    stages: tuple[Stage, ...]
    inputs: tuple[Tensor, ...]  # of the model, in its order
    outputs: tuple[Tensor, ...]  # of the model, in its order


def split(data: bytes, at: Sequence[int]) -> Pipeline:
    """Cut a .tflite before each of the operators `at`, which rise; none gives one stage.

    Raises ModelRejectedError where the file is malformed or holds what cannot be cut, and CutRefusedError where it
    cannot be cut at one of the places.
    """
    model = read_model(data)
    graph = model.graph
    bounds = (0, *at, len(graph.operators))
    shards = [slice_out(model, start, end) for start, end in pairwise(bounds)]
    return Pipeline(
        stages=tuple(_wire(graph, shard, shards) for shard in shards),
        inputs=tuple(graph.tensors[index] for index in graph.inputs),
        outputs=tuple(graph.tensors[index] for index in graph.outputs),
    )


def _wire(graph: Graph, shard: Shard, shards: Sequence[Shard]) -> Stage:
    return Stage(shard, tuple(Arrival(tensor, _find_origin(graph, tensor.index, shards)) for tensor in shard.inputs))


def _find_origin(graph: Graph, tensor: int, shards: Sequence[Shard]) -> int:
    birth = graph.births[tensor]
    return next((place for place, shard in enumerate(shards) if shard.start < birth <= shard.end), FRAME)
