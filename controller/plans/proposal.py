"""From a survey to a proposal that people can read and nodes can be told. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from controller.planning import NoPlanError, Objective, Option, Plan, Problem, make_plan
from controller.planning.divided import Divided, Front, choose_divided
from controller.planning.layout import rank
from controller.planning.plan import SPLIT_MARGIN
from controller.planning.survey import Survey
from controller.surveying.surveyor import Field
from wire.errors import BadRequestError
from wire.plans import PlannedNode, PlannedStage, PlanOption, PlanReport, PlanRequest


def propose(
    field: Field,
    found: Survey,
    request: PlanRequest,
    problems: Mapping[str, str],
    fronts: Sequence[Front] = (),
) -> PlanReport:
    """Plan, and say all that a person needs to judge the plan by; ``problems`` are why nodes were not measured.

    Of the ``fronts``, which may be divided by area, the best one is an option beside the others. It comes first where
    it was asked for, or has a frame done sooner by the margin that any split needs.

    Raises:
        NoPlanError: the nodes cannot run the model under the request's constraints.
        BadRequestError: the objective cannot be judged.

    """
    if request.objective == "energy":
        raise BadRequestError(
            "no node reports the power it draws, so energy cannot be compared",
            remedy="plan for throughput, latency or memory",
        )
    left_out = tuple(_explain(line, problems) for line in found.left_out)
    if not found.problem.nodes:
        raise NoPlanError(
            f"nothing is known of the nodes that could run {field.manifest.name}: {'; '.join(left_out)}",
            remedy="ask again when one of them can be measured",
        )
    plan = make_plan(found.problem, Objective(request.objective))
    options, reason, bound = plan.alternatives, plan.reason, plan.bound
    divided = choose_divided(found.problem, fronts)
    if divided is not None:
        asked = request.grid is not None
        options, told = insert_tiles(plan, divided.option, asked=asked)
        reason = f"{'asked for: ' if asked else ''}{told}" if told else reason
        bound = min(bound, divided.option.prediction.worst_latency_s) if request.objective == "latency" else bound
    return PlanReport(
        model=field.manifest.name,
        version=field.manifest.version,
        variant=field.variant,
        objective=request.objective,
        options=tuple(
            describe_divided(found.problem, divided)
            if divided is not None and option is divided.option
            else describe_option(found.problem, option)
            for option in options
        ),
        reason=reason,
        exact=plan.exact,
        bound=bound,
        nodes=describe_nodes(field, found),
        frame_bytes=field.frame_bytes,
        assumed=found.assumed,
        left_out=left_out,
        picture=field.manifest.known_answer.sha256 if field.manifest.known_answer else "",
    )


def insert_tiles(plan: Plan, tiles: Option, *, asked: bool) -> tuple[tuple[Option, ...], str]:
    """Return the options with tiles among them, and why these come first; nothing where they do not."""
    best = plan.alternatives[0].prediction.worst_latency_s
    sooner = tiles.prediction.worst_latency_s * (1 + SPLIT_MARGIN) < best
    if asked or (plan.objective is Objective.LATENCY and sooner):
        parts, soon = len(tiles.pipelines[0]) - 1, tiles.prediction.worst_latency_s
        reason = (
            f"{parts} parts of the picture up to operator {tiles.pipelines[0][0].end}, side by side, give a frame in "
            f"{soon * 1e3:.3g} ms; {plan.alternatives[0].name} would give {best * 1e3:.3g} ms"
        )
        return (tiles, *plan.alternatives), reason
    later = sorted((*plan.alternatives[1:], tiles), key=lambda each: rank(plan.objective, each.prediction, each.stages))
    return (plan.alternatives[0], *later), ""


def describe_option(problem: Problem, option: Option) -> PlanOption:
    """Return an option as it travels."""
    cuts = {at: place for place, at in enumerate(problem.workload.cuts)}
    nodes = {node.name: node for node in problem.nodes}
    seconds = tuple(
        tuple(
            tuple(nodes[name].own_seconds(cuts[stage.start], cuts[stage.end]) for name in stage.nodes)
            for stage in stages
        )
        for stages in option.pipelines
    )
    prediction = option.prediction
    return PlanOption(
        name=option.name,
        pipelines=tuple(
            tuple(
                PlannedStage(start=stage.start, end=stage.end, nodes=stage.nodes, wire=stage.wire) for stage in stages
            )
            for stages in option.pipelines
        ),
        throughput_s=prediction.throughput_s,
        latency_s=prediction.latency_s,
        worst_latency_s=prediction.worst_latency_s,
        memory_bytes=prediction.memory_bytes,
        traffic_bytes=prediction.traffic_bytes,
        stage_seconds=seconds,
    )


def describe_divided(problem: Problem, divided: Divided) -> PlanOption:
    """Return tiles as they travel: each part takes its own share of the front's time."""
    seconds = tuple((each,) for each in divided.seconds)
    return replace(describe_option(problem, divided.option), grid=divided.front.grid, stage_seconds=(seconds,))


def describe_nodes(field: Field, found: Survey) -> tuple[PlannedNode, ...]:
    """Return what is believed of the nodes, as it travels."""
    variants = {beat.node: variant for beat, variant in field.candidates}
    return tuple(
        PlannedNode(
            node=node.name,
            variant=variants[node.name],
            whole_s=whole if math.isfinite(whole := node.own_seconds(0, len(node.seconds))) else -1.0,
            room_bytes=node.memory_bytes,
            receive_bytes_s=node.receive_bytes_s,
            send_bytes_s=node.send_bytes_s,
            latency_s=node.latency_s,
        )
        for node in found.problem.nodes
    )


def _explain(line: str, problems: Mapping[str, str]) -> str:
    why = problems.get(line.partition(" ")[0])
    return f"{line}: {why}" if why else line
