"""What a change of plan would bring now. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from controller.planning import Node, Objective, Problem, Stage, evaluate, make_plan, measure
from controller.planning.divided import Front, choose_divided, evaluate_divided
from controller.planning.layout import Prediction
from controller.planning.replanning import GAIN
from controller.planning.survey import Survey
from controller.plans.proposal import describe_divided, describe_option, insert_tiles
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


def look_ahead(plan: ModelPlan, found: Survey, fronts: Sequence[Front] = ()) -> Prospect:
    """Plan anew, and compare. The ``fronts`` may be divided by area; that which runs so is among them.

    Raises:
        NoPlanError: the nodes that are there cannot run the model at all.

    """
    objective, asked = Objective(plan.request.objective), plan.request.grid is not None
    best = make_plan(found.problem, objective)
    option, reason = describe_option(found.problem, best.chosen), best.reason
    prediction = best.chosen.prediction
    divided = choose_divided(found.problem, fronts)
    if divided is not None and (told := insert_tiles(best, divided.option, asked=asked)[1]):
        option, reason, prediction = describe_divided(found.problem, divided), told, divided.option.prediction
    now = _value(plan.layout, found.problem, fronts)
    gain = None if now is None else compare(objective, measure(objective, prediction), measure(objective, now))
    if now is None and _runs_unweighed(plan.layout, found.problem):
        gain = 0.0  # an operator wanted it there, and nobody can tell what else would give
    if gain is not None and asked and option.grid and not plan.layout.grid:
        gain = max(gain, GAIN)  # there are nodes enough again for what was asked for
    return Prospect(
        layout=plan.layout,
        mark=round_problem(found.problem),
        best=option,
        reason=reason,
        gain=gain,
        only_adds=not plan.layout.grid and not option.grid and adds_only(_stages(plan.layout), best.chosen.pipelines),
    )


def _value(layout: Layout, problem: Problem, fronts: Sequence[Front]) -> Prediction | None:
    """Return what the layout gives now; None where it cannot run."""
    if layout.grid is None:
        return evaluate(problem, _stages(layout))
    *parts, rest = layout.pipelines[0]
    front = next((each for each in fronts if (each.grid, each.at) == (layout.grid, rest.start)), None)
    nodes = [stage.nodes[0] for stage in (*parts, rest)]
    return evaluate_divided(problem, front, nodes) if front else None


def _runs_unweighed(layout: Layout, problem: Problem) -> bool:
    """Tell whether a layout divides the picture where nothing was timed, and all of its nodes are there."""
    if layout.grid is None or layout.pipelines[0][-1].start in problem.workload.cuts:
        return False
    return {node.name for node in problem.nodes} >= {stage.nodes[0] for stage in layout.pipelines[0]}


def _stages(layout: Layout) -> list[list[Stage]]:
    return [[Stage(stage.start, stage.end, stage.nodes, stage.wire) for stage in stages] for stages in layout.pipelines]


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
