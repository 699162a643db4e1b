"""What a change of plan would bring now. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from controller.planning import Node, Objective, Problem, Stage, evaluate, make_plan, measure
from controller.planning.survey import Survey
from controller.plans.proposal import describe_option
from wire.plans import Layout, ModelPlan, PlanOption

ROUNDING = 1.1
"""Facts that differ by less than this factor make no new plan: planning takes time, and measurements are noisy."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """The best plan, held against the one in force, for one state of the cluster."""

    layout: Layout
    mark: object  # the state, rounded
    best: PlanOption
    reason: str
    gain: float | None  # a share; None: the one in force cannot run
    only_adds: bool

    def still_holds(self, layout: Layout, problem: Problem) -> bool:
        """Tell whether nothing that matters has changed since."""
        return self.layout == layout and self.mark == round_problem(problem)


def look_ahead(plan: ModelPlan, found: Survey) -> Prospect:
    """Plan anew, and compare.

    Raises:
        NoPlanError: the nodes that are there cannot run the model at all.

    """
    objective = Objective(plan.request.objective)
    best = make_plan(found.problem, objective)
    running = [
        [Stage(stage.start, stage.end, stage.nodes, stage.wire) for stage in stages] for stages in plan.layout.pipelines
    ]
    now = evaluate(found.problem, running)
    gain = None
    if now is not None:
        gain = compare(objective, measure(objective, best.chosen.prediction), measure(objective, now))
    return Prospect(
        layout=plan.layout,
        mark=round_problem(found.problem),
        best=describe_option(found.problem, best.chosen),
        reason=best.reason,
        gain=gain,
        only_adds=adds_only(running, best.chosen.pipelines),
    )


def compare(objective: Objective, best: float, running: float) -> float:
    """Return by which share the best is better than what runs."""
    one, other = (best, running) if objective is Objective.THROUGHPUT else (running, best)
    return one / other - 1 if other > 0 else 0.0


def adds_only(running: Sequence[Sequence[Stage]], best: Sequence[Sequence[Stage]]) -> bool:
    """Tell whether the best plan is the running one with more nodes."""
    if [[(each.start, each.end) for each in stages] for stages in running] != [
        [(each.start, each.end) for each in stages] for stages in best
    ]:
        return False
    return all(
        set(one.nodes) <= set(other.nodes)
        for stages, others in zip(running, best, strict=True)
        for one, other in zip(stages, others, strict=True)
    )


def round_problem(problem: Problem) -> object:
    """Return the facts that a plan depends on, so coarsely that noise seldom shows."""
    work = problem.workload
    return (work.cuts, problem.pins, problem.stages, problem.wire, tuple(_round_node(node) for node in problem.nodes))


def _round_node(node: Node) -> tuple[object, ...]:
    needed = (sum(node.seconds) + node.frame_s, node.receive_bytes_s, node.send_bytes_s, node.memory_bytes)
    return (node.name, node.whole_only, *(_round(value) for value in needed))


def _round(value: float) -> int | None:
    return round(math.log(value, ROUNDING)) if 0 < value < math.inf else None
