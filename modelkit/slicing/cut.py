"""Every place where a model can be cut, and what a cut there costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from modelkit.slicing.cost import count_macs, count_parameter_bytes
from modelkit.slicing.graph import Graph


@dataclass(frozen=True, slots=True)
class Cut:
    """The boundary between operators `at - 1` and `at`."""

    at: int
    after: str  # the kind of the operator before it
    tensors: int  # that cross it
    bytes: int  # that cross it for one inference
    macs_share: float  # of the multiply-accumulates that are done before it, 0 to 1
    parameters_share: float  # of the weights that are needed before it, 0 to 1
    problem: str = ""  # why the model cannot be cut here; empty where it can


def cuts(graph: Graph) -> tuple[Cut, ...]:
    """Every cut between two operators, in order. Time and memory are linear in the model."""
    end = len(graph.operators)
    macs = _shares(count_macs(graph, operator) for operator in graph.operators)
    parameters = _shares(count_parameter_bytes(graph))
    tensors, sizes = Counter[int](), Counter[int]()
    for tensor, death in graph.deaths.items():
        birth, size = graph.births[tensor], graph.tensors[tensor].bytes or 0
        tensors[birth] += 1
        tensors[death + 1] -= 1
        sizes[birth] += size
        sizes[death + 1] -= size
    crossing = list(accumulate(tensors[at] for at in range(end)))
    flowing = list(accumulate(sizes[at] for at in range(end)))
    problems = find_problems(graph)
    return tuple(
        Cut(
            at=at,
            after=graph.operators[at - 1].kind,
            tensors=crossing[at],
            bytes=flowing[at],
            macs_share=macs[at - 1],
            parameters_share=parameters[at - 1],
            problem=problems.get(at, ""),
        )
        for at in range(1, end)
    )


def find_problems(graph: Graph) -> dict[int, str]:
    """The cuts that are not possible, and why."""
    readers: dict[int, list[int]] = {}
    for at, operator in enumerate(graph.operators):
        for tensor in operator.inputs:
            if tensor >= 0 and graph.tensors[tensor].variable and tensor not in graph.births:
                readers.setdefault(tensor, []).append(at)
    spans = [
        (places[0] + 1, places[-1], f"{graph.tensors[tensor]} keeps state that operators on both sides use")
        for tensor, places in readers.items()
    ]
    spans += [
        (graph.births[tensor], death, f"{graph.tensors[tensor]} holds {graph.tensors[tensor].dtype}s, which stay here")
        for tensor, death in graph.deaths.items()
        if graph.tensors[tensor].bytes is None
    ]
    problems: dict[int, str] = {}
    covered = 0
    for first, last, reason in sorted(spans):
        problems |= dict.fromkeys(range(max(first, covered), last + 1), reason)
        covered = max(covered, last + 1)
    return problems


def _shares(amounts: Iterable[int]) -> list[float]:
    """How much of the sum is reached with each amount; all of it where the sum is 0."""
    sums = list(accumulate(amounts))
    return [part / sums[-1] if sums[-1] else 1.0 for part in sums]
