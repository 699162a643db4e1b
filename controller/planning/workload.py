"""From a model's file to the segments that a plan distributes: where to cut, what crosses, what is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from controller.planning.problem import Workload
from modelkit.manifest import SimulatedSpec
from modelkit.slicing import Cut, Graph, cuts
from modelkit.slicing.cost import count_parameter_bytes

MOST_CUTS = 16
"""So many places are timed and planned with: each is a prefix that a node has to load and run."""
RESULT_BYTES = 2_000
"""Of an answer in JSON, with its headers."""
HEADER_BYTES = 600
"""Of a message between stages: subject, itinerary, timings, the tensors' shapes."""


def choose_cuts(found: Sequence[Cut], most: int = MOST_CUTS) -> tuple[int, ...]:
    """Return at most so many cuts, rising: in each of as many equal parts of the work the one that least crosses."""
    best: dict[int, Cut] = {}
    for cut in found:
        part = min(int(cut.macs_share * most), most - 1)
        if not cut.problem and (part not in best or cut.bytes < best[part].bytes):
            best[part] = cut
    return tuple(sorted(cut.at for cut in best.values()))


def make_workload(model: str, graph: Graph, at: Sequence[int], *, frame_bytes: int) -> Workload:
    """Describe a ``.tflite`` cut before the operators ``at``. Weights that several segments share count for the first.

    Memory is what the file says: weights, and the tensors that live at the same time.
    """
    end = len(graph.operators)
    crossing = {cut.at: cut.bytes for cut in cuts(graph)}
    inputs, outputs = (
        sum(graph.tensors[index].bytes or 0 for index in tensors) for tensors in (graph.inputs, graph.outputs)
    )
    alive = [inputs, *(crossing[place] for place in range(1, end)), outputs]
    parameters = count_parameter_bytes(graph)
    bounds = (0, *at, end)
    return Workload(
        model=model,
        cuts=bounds,
        crossing_bytes=(
            frame_bytes + HEADER_BYTES,
            *(crossing[place] + HEADER_BYTES for place in at),
            RESULT_BYTES,
        ),
        weight_bytes=tuple(sum(parameters[start:stop]) for start, stop in pairwise(bounds)),
        arena_bytes=tuple(
            max(alive[place] + alive[place + 1] for place in range(start, stop)) for start, stop in pairwise(bounds)
        ),
        float_bytes=(0, *(_count_float_bytes(graph, place) for place in at), 0),
    )


def _count_float_bytes(graph: Graph, at: int) -> int:
    """Return how many of the bytes that cross a cut are float32."""
    return sum(tensor.bytes or 0 for tensor in graph.crossing(at) if tensor.dtype == "float32")


def make_simulated_workload(model: str, spec: SimulatedSpec, *, frame_bytes: int) -> Workload:
    """Describe a model that is only played."""
    step = max(1, -(-spec.operators // (MOST_CUTS + 1)))
    at = tuple(range(step, spec.operators, step))
    bounds = (0, *at, spec.operators)
    return Workload(
        model=model,
        cuts=bounds,
        crossing_bytes=(
            frame_bytes + HEADER_BYTES,
            *(spec.activation_bytes + HEADER_BYTES for _ in at),
            RESULT_BYTES,
        ),
        weight_bytes=tuple(
            spec.memory_bytes * stop // spec.operators - spec.memory_bytes * start // spec.operators
            for start, stop in pairwise(bounds)
        ),
        arena_bytes=(0,) * (len(bounds) - 1),
    )


def fit_memory(workload: Workload, measured: Sequence[int]) -> Workload:
    """Return the workload with weights as large as the whole was in memory where it was measured, at the most.

    Runtimes keep weights a second time in the order in which they need them, so files say too little.
    """
    weights, arena = sum(workload.weight_bytes), max(workload.arena_bytes)
    most = max(measured, default=0)
    if not weights or most <= weights + arena:
        return workload
    factor = (most - arena) / weights
    return replace(workload, weight_bytes=tuple(round(each * factor) for each in workload.weight_bytes))
