"""A model as operators in the order in which they run, and the tensors between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value that operators share."""

    index: int  # in the model; shards keep it as the tensor's identity
    name: str
    shape: tuple[int, ...]
    dtype: str  # numpy's name of it
    bytes: int | None  # None where its elements have no fixed size, such as strings
    stored: bool  # its value is in the file
    variable: bool  # its value stays from one inference to the next

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"tensor {self.index} ({self.name})"


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of the computation."""

    place: int  # in the file
    kind: str  # the schema's name of it; a custom operator's own
    custom: bool
    inputs: tuple[int, ...]  # tensors; -1 stands for an optional one that is not given
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        return f"operator {self.place} of the file ({self.kind})"


@dataclass(frozen=True)
class Graph:
    """A model that can be cut: each tensor is computed once, before it is read.

    `operators` are those that data flows through; positions of cuts count them. `folded` are the others, which see
    nothing but constants, such as the DEQUANTIZE of a weight: each shard takes its own copy of those that it needs.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    folded: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @cached_property
    def births(self) -> dict[int, int]:
        """For each tensor that flows, the first cut at which it exists: 0 for an input."""
        computed = {t: at for at, operator in enumerate(self.operators, start=1) for t in operator.outputs}
        return dict.fromkeys(self.inputs, 0) | computed

    @cached_property
    def deaths(self) -> dict[int, int]:
        """For each tensor that flows and is read, the last cut at which it is still needed."""
        end = len(self.operators)
        reads = {t: at for at, operator in enumerate(self.operators) for t in operator.inputs if t in self.births}
        return reads | {t: end for t in self.outputs if t in self.births}

    def crossing(self, at: int) -> Iterator[Tensor]:
        """The tensors that must be handed on at cut `at`: computed or given before it, and needed after it."""
        for tensor, birth in self.births.items():
            if birth <= at <= self.deaths.get(tensor, -1):
                yield self.tensors[tensor]
