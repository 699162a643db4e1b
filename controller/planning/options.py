"""Layouts with the names of nodes and operators: what a plan is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.planning.costs import compute_costs
from controller.planning.layout import Layout, Prediction, Step, predict
from controller.planning.precision import code, find_coarsest
from controller.planning.problem import Problem
from wire.precision import Precision


@dataclass(frozen=True, slots=True)
class Stage:
    """Operators that a set of nodes runs; they share its frames in proportion to their speed."""

    start: int
    end: int
    nodes: tuple[str, ...]
    wire: Precision = Precision.EXACT  # in which it sends on what it computes


@dataclass(frozen=True, slots=True)
class Option:
    """One way to run the model."""

    name: str  # `one node`, `replicas`, `pipeline` or `hybrid`; with the precision where it is not exact
    pipelines: tuple[tuple[Stage, ...], ...]  # each runs the whole model; frames are divided between them
    prediction: Prediction

    @property
    def is_split(self) -> bool:
        """Whether any frame takes more than one stage."""
        return any(len(stages) > 1 for stages in self.pipelines)

    @property
    def stages(self) -> int:
        """How many stages the longest pipeline has."""
        return max(len(stages) for stages in self.pipelines)

    @property
    def wire(self) -> Precision:
        """The coarsest precision in which activations travel."""
        return find_coarsest(stage.wire for stages in self.pipelines for stage in stages)


def evaluate(problem: Problem, pipelines: Sequence[Sequence[Stage]]) -> Prediction | None:
    """Value pipelines, also such as run already; nodes that are not in the problem are not there.

    Returns None where no pipeline has a node for each of its stages any more, or the problem has other cuts.
    """
    wires = {stage.end: stage.wire for stages in pipelines for stage in stages}
    problem = replace(problem, workload=code(problem.workload, wires))
    costs = compute_costs(problem)
    places = {at: place for place, at in enumerate(problem.workload.cuts)}
    numbers = {node.name: number for number, node in enumerate(problem.nodes)}
    layout = []
    for stages in pipelines:
        steps = []
        for stage in stages:
            if stage.start not in places or stage.end not in places:
                return None
            start, end = places[stage.start], places[stage.end]
            there = (numbers[name] for name in stage.nodes if name in numbers)
            steps.append(Step(start, end, tuple(node for node in there if costs.rates[node, start, end] > 0)))
        if all(step.nodes for step in steps):
            layout.append(tuple(steps))
    return predict(costs, problem.workload.crossing_bytes, tuple(layout)) if layout else None


def name_nodes(problem: Problem, kept: Sequence[int], name: str, layout: Layout, prediction: Prediction) -> Option:
    """Return a layout over some of the problem's cuts, ``kept``, as an option."""
    cuts = problem.workload.cuts
    pipelines = tuple(
        tuple(
            Stage(cuts[kept[step.start]], cuts[kept[step.end]], tuple(problem.nodes[node].name for node in step.nodes))
            for step in chain
        )
        for chain in layout
    )
    return Option(name, pipelines, prediction)
