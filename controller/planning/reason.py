"""Why a plan is the best one, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from controller.planning.layout import Prediction, measure
from controller.planning.problem import Objective, Problem

_DOES = {
    "one node": "the whole model on one node",
    "replicas": "the whole model on every node that holds it",
    "pipeline": "a pipeline",
    "hybrid": "whole models where they fit and pipelines beside them",
}


def explain(problem: Problem, objective: Objective, predictions: Mapping[str, Prediction], margin: float = 0.0) -> str:
    """Return the reason for the first of the options, which are in the order of preference."""
    (best, chosen), *others = predictions.items()
    sentence = f"{_name(best)} gives {_tell(objective, chosen)}"
    if others:
        name, prediction = others[0]
        sentence += f"; {_name(name)} would give {_tell(objective, prediction)}"
        if is_better(objective, prediction, chosen):
            sentence += f", which is not {margin:.0%} better: too little for the hops that it adds"
    elif problem.stages is not None:
        sentence += f"; it is the best one of {problem.stages} stages, and no others were asked for"
    else:
        sentence += "; nothing else is possible"
    if best.startswith(("pipeline", "hybrid")) and (small := _list_small(problem)):
        sentence += f", since {small} cannot hold the whole model"
    return sentence


def is_better(objective: Objective, one: Prediction, other: Prediction) -> bool:
    """Tell whether one prediction is better than another by the objective; nine digits count."""
    sign = -1 if objective is Objective.THROUGHPUT else 1
    return sign * measure(objective, one) < sign * measure(objective, other) * (1 - sign * 1e-9)


def _name(option: str) -> str:
    """Return what an option does; its name ends with the precision of what it sends on, where that is not exact."""
    if option in _DOES:
        return _DOES[option]
    kind, wire = option.rsplit(" ", 1)
    return f"{_DOES[kind]} that sends activations in {wire} where a link is slow"


def _tell(objective: Objective, prediction: Prediction) -> str:
    match objective:
        case Objective.THROUGHPUT:
            return f"{prediction.throughput_s:.3g} frames a second"
        case Objective.LATENCY:
            return f"{prediction.worst_latency_s * 1e3:.3g} ms for a frame"
        case Objective.MEMORY:
            return f"{prediction.memory_bytes / 1e6:.3g} MB on the fullest node"


def _list_small(problem: Problem) -> str:
    work = problem.workload
    needed = sum(work.weight_bytes) + max(work.arena_bytes)
    small = [node.name for node in problem.nodes if node.memory_bytes < needed]
    if len(small) <= 1:
        return "".join(small)
    return f"{small[0]} and {len(small) - 1} more"
