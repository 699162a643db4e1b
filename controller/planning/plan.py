"""Choosing how to run a model on a cluster: replicas of the whole, pipelines, or both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from controller.planning import exact, heuristic
from controller.planning.coded import list_coded
from controller.planning.costs import Costs, Floats, compute_costs
from controller.planning.layout import Layout, Prediction, Step, measure, predict, rank
from controller.planning.options import Option, name_nodes
from controller.planning.precision import code, code_all
from controller.planning.problem import NoPlanError, Objective, Problem
from controller.planning.reason import explain

EXACT_NODES = {Objective.THROUGHPUT: 8, Objective.LATENCY: 12, Objective.MEMORY: 12}
"""Up to so many nodes the plan is the best one there is; the search takes 3^n steps, or n 2^n without replicas."""

SPLIT_MARGIN = 0.15
"""A split model has to be so much better than a whole one: that is how wrong a prediction may be, and hops can fail."""

_EXACT_CUTS = 96
_MOST_CUTS = 48  # that are looked at in larger clusters


@dataclass(frozen=True, slots=True)
class Plan:
    """The best way found, and the others."""

    model: str
    objective: Objective
    chosen: Option
    alternatives: tuple[Option, ...]  # all that are possible, the chosen one first
    exact: bool  # nothing better exists over the given cuts
    bound: float  # what no plan can better: frames a second, seconds, or bytes
    reason: str  # in a sentence


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search gave."""

    options: tuple[Option, ...]  # the best one of each kind that is possible, the best first
    exact: bool
    bound: float


def make_plan(problem: Problem, objective: Objective = Objective.THROUGHPUT, *, margin: float = SPLIT_MARGIN) -> Plan:
    """Choose the best way to run a model; one that splits it only where it is better by ``margin``, a share.

    Raises NoPlanError where the nodes cannot run it under the constraints.
    """
    found = _search(problem, objective)
    options, is_exact, bound = found.options, found.exact, found.bound
    if wires := code_all(problem.workload, problem.wire):
        coarse = _search(replace(problem, workload=code(problem.workload, wires)), objective)
        options += tuple(list_coded(problem, objective, coarse.options, {each.name: each for each in options}))
        is_exact = is_exact and coarse.exact
        bound = max(bound, coarse.bound) if objective is Objective.THROUGHPUT else min(bound, coarse.bound)
    if not options:
        raise NoPlanError(
            f"no nodes can run {problem.workload.model}: {_find_obstacle(problem)}",
            remedy="add nodes or memory, allow more cuts, or raise max_payload",
        )
    options = _prefer_whole(objective, _sort(objective, options), margin)
    return Plan(
        model=problem.workload.model,
        objective=objective,
        chosen=options[0],
        alternatives=options,
        exact=is_exact,
        bound=bound,
        reason=explain(problem, objective, {option.name: option.prediction for option in options}, margin),
    )


def _search(problem: Problem, objective: Objective) -> _Found:
    costs = compute_costs(problem)
    crossing = problem.workload.crossing_bytes
    is_exact = costs.nodes <= EXACT_NODES[objective] and costs.end < _EXACT_CUTS
    kept = list(range(costs.end + 1)) if is_exact else heuristic.thin_cuts(costs, crossing, _MOST_CUTS)
    searched = costs if is_exact else costs.at_cuts(kept)
    layouts = _find_layouts(searched, objective, problem.stages, is_exact=is_exact)
    thinned = tuple(crossing[cut] for cut in kept)
    options = _sort(
        objective,
        [
            name_nodes(problem, kept, name, layout, predict(searched, thinned, layout))
            for name, layout in layouts.items()
        ],
    )
    if not options:
        return _Found((), is_exact, 0.0 if objective is Objective.THROUGHPUT else math.inf)
    best_found = is_exact and problem.stages is None
    return _Found(options, is_exact, _find_bound(costs, objective, options[0].prediction, is_exact=best_found))


def _sort(objective: Objective, options: Iterable[Option]) -> tuple[Option, ...]:
    return tuple(sorted(options, key=lambda each: rank(objective, each.prediction, each.stages)))


def _prefer_whole(objective: Objective, options: tuple[Option, ...], margin: float) -> tuple[Option, ...]:
    """Put the best option that does not split the model first, unless what splits it is better by the margin."""
    whole = next((option for option in options if not option.is_split), None)
    if whole is None or not options[0].is_split or objective is Objective.MEMORY:
        return options
    best, other = (measure(objective, each.prediction) for each in (options[0], whole))
    better = best > other * (1 + margin) if objective is Objective.THROUGHPUT else best * (1 + margin) < other
    return options if better else (whole, *(each for each in options if each is not whole))


def _find_layouts(costs: Costs, objective: Objective, stages: int | None, *, is_exact: bool) -> dict[str, Layout]:
    """Return the best layout of each kind that is possible."""
    wholes = [node for node in range(costs.nodes) if costs.rates[node, 0, -1] > 0]
    layouts: dict[str, Layout] = {}
    if wholes and stages in (None, 1):
        key = costs.delays[:, 0, -1] if objective is Objective.LATENCY else -costs.rates[:, 0, -1]
        layouts["one node"] = ((Step(0, costs.end, (min(wholes, key=lambda node: float(key[node])),)),),)
    if len(wholes) > 1 and stages in (None, 1):
        layouts["replicas"] = ((Step(0, costs.end, tuple(wholes)),),)
    if stages == 1:
        return layouts
    cut = costs.without_wholes()
    if objective is Objective.THROUGHPUT:
        chain = exact.find_fastest_chain(cut, stages) if is_exact else heuristic.find_fast_chain(cut, stages)
        mixed: Layout = ()
        if stages is None:
            mixed = exact.find_fastest(costs) if is_exact else heuristic.find_fast(costs)
        if len(mixed) > 1 and any(len(steps) > 1 for steps in mixed):
            layouts["hybrid"] = mixed
        elif mixed and len(mixed[0]) > 1:
            chain = mixed
    else:
        find = exact.find_least if is_exact else heuristic.find_quick
        chain = find(cut, *_combining(cut, objective), stages)
    if chain:
        layouts["pipeline"] = chain
    return layouts


def _combining(costs: Costs, objective: Objective) -> tuple[Floats, np.ufunc]:
    """Return what each stage costs, and how the costs of a chain's stages combine."""
    return (costs.delays, np.add) if objective is Objective.LATENCY else (costs.peaks, np.maximum)


def _find_bound(costs: Costs, objective: Objective, best: Prediction, *, is_exact: bool) -> float:
    if objective is Objective.THROUGHPUT:
        return best.throughput_s if is_exact else max(best.throughput_s, heuristic.bound_rate(costs))
    if is_exact:
        return best.worst_latency_s if objective is Objective.LATENCY else best.memory_bytes
    return heuristic.bound_chain(costs, *_combining(costs, objective))


def _find_obstacle(problem: Problem) -> str:
    costs, cuts = compute_costs(problem), problem.workload.cuts
    for segment in range(costs.end):
        if not (costs.rates[:, : segment + 1, segment + 1 :] > 0).any():
            return f"none may run operators {cuts[segment]} to {cuts[segment + 1]} within its memory"
    return "each part fits somewhere, but not all of them at once"
