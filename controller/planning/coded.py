"""Plans whose activations travel in fewer bytes, where the request allows that and a link needs it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from controller.planning.layout import measure
from controller.planning.options import Option, Stage, evaluate
from controller.planning.precision import GAIN, LOSS, list_finer
from controller.planning.problem import Objective, Problem
from wire.precision import Precision


def list_coded(
    problem: Problem, objective: Objective, found: Iterable[Option], exact: Mapping[str, Option]
) -> Iterator[Option]:
    """Yield layouts that gain by coding; each hop is as exact as costs next to nothing.

    Args:
        problem: the true one.
        objective: what is to gain.
        found: split layouts for the problem with everything coded that may be.
        exact: the best exact option of each kind.

    """
    if objective is Objective.MEMORY:
        return  # what is on the way takes no room
    for option in found:
        coded = _refine(problem, objective, option) if option.is_split else None
        other = exact.get(option.name)
        if coded is None or coded.wire is Precision.EXACT:
            continue
        if other is None or _share(objective, coded, other) >= 1 + GAIN:
            yield replace(coded, name=f"{option.name} {coded.wire}")


def _refine(problem: Problem, objective: Objective, option: Option) -> Option | None:
    coarse = {stage.end: problem.wire for stages in option.pipelines for stage in stages}
    best = first = _send(problem, option, coarse)
    if best is None or first is None:
        return None
    for at in sorted({stage.end for stages in option.pipelines for stage in stages[:-1]}):
        for finer in list_finer(problem.wire):
            tried = _send(problem, best, {at: finer})
            if tried is not None and _share(objective, tried, first) >= 1 - LOSS:
                best = tried
                break
    return best


def _send(problem: Problem, option: Option, wires: Mapping[int, Precision]) -> Option | None:
    """Return the option with what crosses some cuts in other precisions; None where that cannot be sent."""
    floats = dict(zip(problem.workload.cuts, problem.workload.float_bytes, strict=True))

    def change(stage: Stage, *, last: bool) -> Stage:
        wire = Precision.EXACT if last or not floats[stage.end] else wires.get(stage.end, stage.wire)
        return replace(stage, wire=wire)

    pipelines = tuple(tuple(change(stage, last=stage is stages[-1]) for stage in stages) for stages in option.pipelines)
    prediction = evaluate(problem, pipelines)
    return replace(option, pipelines=pipelines, prediction=prediction) if prediction else None


def _share(objective: Objective, one: Option, other: Option) -> float:
    """Return how good an option is beside another: above 1, it is better."""
    mine, theirs = (measure(objective, each.prediction) for each in (one, other))
    return mine / theirs if objective is Objective.THROUGHPUT else theirs / mine
