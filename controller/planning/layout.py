"""Who runs what, in indices, and what comes of it: the one place where a layout is valued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from controller.planning.costs import Costs
from controller.planning.problem import Objective


class Step(NamedTuple):
    """A stage: the segments between two cuts, on nodes that share its frames in proportion to their rates."""

    start: int
    end: int
    nodes: tuple[int, ...]


Chain = tuple[Step, ...]
Layout = tuple[Chain, ...]
"""Disjoint chains, each of which runs the whole model; frames are divided between them."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a layout should give."""

    throughput_s: float  # frames a second
    latency_s: float  # of a frame that takes the fastest nodes, with nothing else in flight
    worst_latency_s: float  # of one that takes the slowest
    memory_bytes: int  # on the node that needs most
    traffic_bytes: float  # that all links together carry for a frame, in the mean; each hop counts once


def predict(costs: Costs, crossing: tuple[int, ...], layout: Layout) -> Prediction:
    """Value a layout; ``crossing`` are the bytes at each cut."""
    rates = [rate_chain(costs, chain) for chain in layout]
    total = rate_layout(costs, layout)
    traffic = [crossing[0] + sum(crossing[step.end] for step in chain) for chain in layout]
    return Prediction(
        throughput_s=total,
        latency_s=min(sum(min(_delays(costs, step)) for step in chain) for chain in layout),
        worst_latency_s=max(sum(max(_delays(costs, step)) for step in chain) for chain in layout),
        memory_bytes=int(max(costs.memory[step.start, step.end] for chain in layout for step in chain)),
        traffic_bytes=sum(rate * size for rate, size in zip(rates, traffic, strict=True)) / total,
    )


def rate_layout(costs: Costs, layout: Layout) -> float:
    """Frames a second of a layout: its chains add up."""
    return sum(rate_chain(costs, chain) for chain in layout)


def join_replicas(layout: Layout) -> Layout:
    """Write all chains of one stage as one: nodes that run the whole model share its frames anyway."""
    wholes = [chain[0] for chain in layout if len(chain) == 1]
    chains = tuple(chain for chain in layout if len(chain) > 1)
    if not wholes:
        return chains
    nodes = tuple(sorted(node for step in wholes for node in step.nodes))
    return ((Step(wholes[0].start, wholes[0].end, nodes),), *chains)


def rate_chain(costs: Costs, chain: Chain) -> float:
    """Frames a second of a chain: those of its slowest stage, whose nodes add up."""
    return min(sum(float(costs.rates[node, step.start, step.end]) for node in step.nodes) for step in chain)


def measure(objective: Objective, prediction: Prediction) -> float:
    """Return what the objective is about: frames a second, seconds, or bytes."""
    match objective:
        case Objective.THROUGHPUT:
            return prediction.throughput_s
        case Objective.LATENCY:
            return prediction.worst_latency_s
        case Objective.MEMORY:
            return prediction.memory_bytes


def rank(objective: Objective, prediction: Prediction, stages: int) -> tuple[float, ...]:
    """Return what to sort by, the best first; what is equal goes to fewer stages, so to fewer hops."""
    match objective:
        case Objective.THROUGHPUT:
            return (-_round(prediction.throughput_s), stages, prediction.worst_latency_s)
        case Objective.LATENCY:
            return (_round(prediction.worst_latency_s), -prediction.throughput_s, stages)
        case Objective.MEMORY:
            return (prediction.memory_bytes, -prediction.throughput_s, stages)


def _delays(costs: Costs, step: Step) -> list[float]:
    return [float(costs.delays[node, step.start, step.end]) for node in step.nodes]


def _round(value: float) -> float:
    """Nine digits: sums in another order are no other value."""
    return float(f"{value:.9g}")
