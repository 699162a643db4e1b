"""What it gives to divide the front of a model by area: a frame's latency, from the same profiles as all other plans.

Parts run side by side, so a frame waits for the slowest of them, and then for the rest. Pure; times in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.planning.layout import Prediction
from controller.planning.options import Option, Stage
from controller.planning.problem import Node, Problem
from controller.planning.spares import weigh


@dataclass(frozen=True, slots=True)
class Front:
    """The operators before a cut, divided by area."""

    grid: tuple[int, int]  # rows and columns
    at: int  # the cut, one of the workload's
    shares: tuple[float, ...]  # one a part: its work over that of the undivided front, halo included
    bytes_out: tuple[int, ...]  # one a part: what it hands on


@dataclass(frozen=True, slots=True)
class Divided:
    """A front on nodes, and what should come of it."""

    front: Front
    option: Option
    seconds: tuple[float, ...]  # own time, one a stage


def choose_divided(problem: Problem, fronts: Iterable[Front]) -> Divided | None:
    """Return what has a frame done soonest; None where no front fits on the nodes."""
    nodes = sort_nodes(problem)
    found = (divided for front in fronts if (divided := _weigh(problem, front, nodes)) is not None)
    return min(found, key=lambda each: each.option.prediction.latency_s, default=None)


def evaluate_divided(problem: Problem, front: Front, nodes: Sequence[str]) -> Prediction | None:
    """Value parts that run already, on these nodes, the last of which has the rest; None where one is gone."""
    able = {node.name: node for node in sort_nodes(problem)}
    if not able.keys() >= set(nodes):
        return None
    found = _weigh(problem, front, [able[name] for name in dict.fromkeys(nodes)])
    return None if found is None else found.option.prediction


def sort_nodes(problem: Problem) -> list[Node]:
    """Return the nodes that can have a part, the fastest first: they get one each, and the next one the rest."""
    able = [node for node in problem.nodes if not node.whole_only and math.inf not in node.seconds]
    return sorted(able, key=lambda node: node.own_seconds(0, len(node.seconds)))


def _weigh(problem: Problem, front: Front, nodes: Sequence[Node]) -> Divided | None:
    work, parts = problem.workload, len(front.shares)
    if len(nodes) < parts or front.at not in work.cuts[1:-1]:
        return None
    place = work.cuts.index(front.at)
    rest = nodes[parts] if len(nodes) > parts else nodes[0]
    frame, result = work.crossing_bytes[0], work.crossing_bytes[-1]
    sent = [size if node is not rest else 0 for size, node in zip(front.bytes_out, nodes, strict=False)]
    own = [
        node.frame_s + node.stage_s + frame * node.receive_cpu_s
        + share * sum(node.seconds[:place]) + size * node.send_cpu_s + (node.hop_s if size else 0.0)
        for node, share, size in zip(nodes, front.shares, sent, strict=False)
    ]  # fmt: skip
    delays = [
        frame / node.receive_bytes_s + spent + size / node.send_bytes_s + 2 * node.latency_s
        for node, spent, size in zip(nodes, own, sent, strict=False)
    ]
    messages = sum(size > 0 for size in sent)
    last = (
        rest.result_s + rest.stage_s + sum(rest.seconds[place:])
        + sum(sent) * rest.receive_cpu_s + max(0, messages - 1) * rest.hop_s
    )  # fmt: skip
    whole = weigh(problem, 0, work.cuts[-1])
    needed = {node.name: weigh(problem, 0, front.at) for node in nodes[:parts]}
    needed[rest.name] = needed.get(rest.name, 0) + weigh(problem, front.at, work.cuts[-1]) + whole
    if any(needed.get(node.name, 0) > node.memory_bytes for node in nodes):
        return None
    if max(frame, *sent) > problem.max_payload:
        return None
    busy = [spent + (last if node is rest else 0.0) for node, spent in zip(nodes, own, strict=False)]
    latency = max(delays) + sum(sent) / rest.receive_bytes_s + last + result / rest.send_bytes_s + 2 * rest.latency_s
    prediction = Prediction(
        throughput_s=1 / max(*busy, last, latency / 2 / (parts + 1)),
        latency_s=latency,
        worst_latency_s=latency,
        memory_bytes=max(needed.values()),
        traffic_bytes=parts * frame + sum(sent) + result,
    )
    stages = (
        *(Stage(0, front.at, (node.name,)) for node in nodes[:parts]),
        Stage(front.at, work.cuts[-1], (rest.name,)),
    )
    return Divided(front, Option("tiles", (stages,), prediction), (*own, last))
