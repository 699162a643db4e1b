"""A half-open range of a model's operators as a model of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError
from modelkit.slicing.assembly import assemble
from modelkit.slicing.cut import find_problems
from modelkit.slicing.graph import Graph, Operator, Tensor
from modelkit.slicing.model import Model, read_model
from modelkit.slicing.schema import IDENTIFIER
from modelkit.slicing.writer import write_table


class CutRefusedError(ModelRejectedError):
    """The model cannot be cut at that place."""


@dataclass(frozen=True)
class Shard:
    """Operators `[start, end)` of a model.

    What passes it by, since only later shards or the result need it, is among both its inputs and its outputs: what one
    shard puts out is what the next takes, in the same order.
    """

    start: int
    end: int
    data: bytes  # a .tflite; equal models and ranges give equal bytes
    inputs: tuple[Tensor, ...]  # in the order of the file's inputs
    outputs: tuple[Tensor, ...]  # likewise

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256_bytes(self.data)


def slice_model(data: bytes, start: int, end: int) -> Shard:
    """Cut operators `[start, end)` out of a .tflite.

    Raises ModelRejectedError where the file is malformed or holds what cannot be cut, and CutRefusedError where the
    model has no such range or cannot be cut at `start` or `end`.
    """
    return slice_out(read_model(data), start, end)


def slice_out(model: Model, start: int, end: int) -> Shard:
    """The same for a model that has been read."""
    graph = model.graph
    _check_range(graph, start, end)
    constant = graph.outputs if end == len(graph.operators) else ()
    operators = collect_operators(graph, graph.operators[start:end], constant)
    inputs, outputs = _find_inputs(graph, start), _find_outputs(graph, end)
    root = assemble(model, operators, inputs, outputs)
    ends = (tuple(graph.tensors[index] for index in indices) for indices in (inputs, outputs))
    return Shard(start, end, write_table(root, IDENTIFIER), *ends)


def _check_range(graph: Graph, start: int, end: int) -> None:
    length = len(graph.operators)
    if not 0 <= start < end <= length:
        raise CutRefusedError(
            f"there is no range of operators {start} to {end}: the model has {length}",
            remedy="list the cuts with `bramble model cuts`",
        )
    problems = find_problems(graph)
    for at in (start, end):
        if 0 < at < length and at in problems:
            raise CutRefusedError(
                f"the model cannot be cut at {at}: {problems[at]}", remedy="list the cuts with `bramble model cuts`"
            )


def _find_inputs(graph: Graph, start: int) -> tuple[int, ...]:
    """All that crosses at `start`, also what only later shards read: then a chain needs no wiring beside its files."""
    return graph.inputs if start == 0 else tuple(tensor.index for tensor in graph.crossing(start))


def _find_outputs(graph: Graph, end: int) -> tuple[int, ...]:
    """All that crosses at `end`; the last shard has the model's own outputs in their order."""
    if end < len(graph.operators):
        return tuple(tensor.index for tensor in graph.crossing(end))
    return graph.outputs


def collect_operators(graph: Graph, operators: Sequence[Operator], outputs: Sequence[int] = ()) -> list[Operator]:
    """The operators and the folded ones that they and the outputs lean on, in the order of the file."""
    producers = {tensor: operator for operator in graph.folded for tensor in operator.outputs}
    chosen = {operator.place: operator for operator in operators}
    wanted = [tensor for operator in operators for tensor in operator.inputs] + list(outputs)
    while wanted:
        operator = producers.get(wanted.pop())
        if operator is not None and operator.place not in chosen:
            chosen[operator.place] = operator
            wanted += operator.inputs
    return [chosen[place] for place in sorted(chosen)]
