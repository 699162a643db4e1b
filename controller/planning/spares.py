"""Which nodes hold the whole model beside their stage, for when a stage loses its only node. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from controller.planning.options import Stage
from controller.planning.problem import Node, Objective, Problem


def choose_spares(problem: Problem, objective: Objective, pipelines: Sequence[Sequence[Stage]]) -> tuple[str, ...]:
    """Return the nodes with room for the whole model beside what they have, in order of their names.

    None where no stage depends on one node, where whole models serve anyway, and where memory is what the plan saves.
    """
    alone = any(len(stage.nodes) == 1 for stages in pipelines for stage in stages)
    if not alone or objective is Objective.MEMORY or any(len(stages) == 1 for stages in pipelines):
        return ()
    return tuple(sorted(node.name for node in problem.nodes if _has_room(problem, node, pipelines)))


def _has_room(problem: Problem, node: Node, pipelines: Sequence[Sequence[Stage]]) -> bool:
    cuts = problem.workload.cuts
    if node.whole_only or float("inf") in node.seconds or any(node.name not in pin.nodes for pin in problem.pins):
        return False
    ranges = [(stage.start, stage.end) for stages in pipelines for stage in stages if node.name in stage.nodes]
    needed = sum(weigh(problem, start, end) for start, end in [(0, cuts[-1]), *ranges])
    return needed <= node.memory_bytes


def weigh(problem: Problem, start: int, end: int) -> int:
    """Return the bytes of memory that the operators between two cuts need."""
    work = problem.workload
    inside = [place for place, (one, other) in enumerate(pairwise(work.cuts)) if one >= start and other <= end]
    return sum(work.weight_bytes[place] for place in inside) + max(work.arena_bytes[place] for place in inside)
