"""How models are laid out, and how their frames flow, as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tui.bars import draw_share
from tui.columns import MARK, Column, Row
from tui.flow import Flow, Pipeline, Stage, Worker
from tui.rows.cluster import WHOLE
from tui.rows.order import natural_key, worst_first
from tui.severity import Assessment, Severity, Verdict, judge_model
from tui.texts import NONE, format_bytes, format_ms, format_rate, printable
from wire.plans import AUTOMATIC, ModelPlan, PlannedStage, PlanOption, PlanState
from wire.status import ModelStatus

PLAN_COLUMNS = (
    MARK,
    Column("model", "MODEL", 18),
    Column("state", "STATE", 10),
    Column("layout", "LAYOUT", 9),
    Column("stages", "STAGES", 18, rank=1, grows=True),
    Column("rate", "NOW", 7, right=True),
    Column("predicted", "CAN", 7, rank=2, right=True),
    Column("objective", "FOR", 10, rank=4),
)
FLOW_COLUMNS = (
    MARK,
    Column("stage", "STAGE", 5),
    Column("operators", "OPERATORS", 9),
    Column("node", "NODE", 12),
    Column("state", "TIME", 8, right=True),
    Column("predicted", "FORECAST", 8, rank=2, right=True),
    Column("rate", "FLOW", 7, right=True),
    Column("busy", "BUSY", 13, grows=True),
)
OPTION_COLUMNS = (
    MARK,
    Column("name", "PLAN", 9),
    Column("state", "FRAMES/S", 8, right=True),
    Column("latency", "ONE FRAME", 9, right=True),
    Column("worst", "AT WORST", 8, rank=3, right=True),
    Column("memory", "FULLEST", 8, rank=2, right=True),
    Column("traffic", "TRAFFIC", 8, rank=4, right=True),
    Column("stages", "STAGES", 12, rank=1, grows=True),
)
BUSY_CELLS = 6
CROWDED = 0.9
"""A worker that is busy for longer than this share of its time holds up what comes behind it."""


def plan_rows(assessment: Assessment, trace: Callable[[str], Flow]) -> tuple[Row, ...]:
    """Return a row a model under PLAN_COLUMNS; ``trace`` tells how one flows."""
    states = {state.model: state for state in assessment.status.plans}
    return worst_first(
        _plan_row(model, states.get(model.model), assessment, trace(model.model)) for model in assessment.status.models
    )


def judge_plan(state: PlanState | None) -> Verdict:
    """Judge how far a plan is."""
    if state is None or state.plan is None:
        return Verdict(Severity.OK, AUTOMATIC)
    if state.plan.settled:
        return Verdict(Severity.OK, "in force")
    return Verdict(Severity.NOTE, "preparing", "; ".join(state.missing))


def flow_rows(flow: Flow) -> tuple[Row, ...]:
    """Return the rows of a model's stages under FLOW_COLUMNS, in the order that frames take, with the links between."""
    rows: list[Row] = []
    for number, pipeline in enumerate(flow.pipelines):
        if number:
            rows.append(_note_row(f"{number}/gap", "or"))
        rows += _pipeline_rows(pipeline, number)
    return tuple(rows)


def option_rows(options: Sequence[PlanOption]) -> tuple[Row, ...]:
    """Return a row an option under OPTION_COLUMNS, the best first, which alone can be applied."""
    return tuple(
        Row(
            f"{place}",
            Severity.OK if place == 0 else Severity.NOTE,
            (
                "●" if place == 0 else " ",
                printable(option.name),
                f"{option.throughput_s:.3g}",
                format_ms(option.latency_s * 1e3),
                format_ms(option.worst_latency_s * 1e3),
                format_bytes(option.memory_bytes),
                format_bytes(option.traffic_bytes),
                printable(tell_pipelines(option.pipelines)),
            ),
        )
        for place, option in enumerate(options)
    )


def tell_pipelines(pipelines: Sequence[Sequence[PlannedStage]]) -> str:
    """Return stages in a line, such as ``0-40 node-1 > 40-70 node-2 + 0-70 node-3``."""
    return " + ".join(
        " > ".join(f"{stage.start}-{stage.end} {','.join(stage.nodes)}" for stage in stages) for stages in pipelines
    )


def compare(measured: float | None, predicted: float | None) -> str:
    """Return how far the measured is off, such as ``-7 %``; empty where one is missing."""
    return f"{measured / predicted - 1:+.0%}".replace("%", " %") if measured and predicted else ""


def _plan_row(model: ModelStatus, state: PlanState | None, assessment: Assessment, flow: Flow) -> Row:
    verdict = judge_plan(state)
    served = judge_model(model, assessment)
    if served.severity > verdict.severity:
        verdict = served
    plan = state.plan if state else None
    nodes = ", ".join(sorted(model.nodes_ready, key=natural_key))
    cells = (
        verdict.severity.mark,
        model.model,
        verdict.word,
        plan.layout.name if plan else WHOLE,
        verdict.why or (tell_pipelines(plan.layout.pipelines) if plan and plan.layout.pipelines else nodes or NONE),
        format_rate(flow.rate),
        format_rate(flow.predicted_rate),
        plan.request.objective if plan else NONE,
    )
    return Row(model.model, verdict.severity, tuple(map(printable, cells)))


def _pipeline_rows(pipeline: Pipeline, number: int) -> Iterator[Row]:
    bottleneck = pipeline.bottleneck
    for stage in pipeline.stages:
        if stage.number > 1:
            yield _note_row(f"{number}/{stage.number}/hop", "↓", *_tell_hop(stage))
        for place, worker in enumerate(stage.workers):
            yield _worker_row(number, stage, worker, first=place == 0, slowest=stage is bottleneck)


def _worker_row(number: int, stage: Stage, worker: Worker, *, first: bool, slowest: bool) -> Row:
    busy = worker.busy
    crowded = busy is not None and busy > CROWDED
    severity = Severity.NOTE if not worker.ready else Severity.WARN if crowded else Severity.OK
    limit = f" ◀ bottleneck: at most {stage.limit:.3g}/s" if slowest and first and stage.limit else ""
    share = NONE if busy is None else f"{draw_share(busy, BUSY_CELLS)} {busy:.0%}".replace("%", " %")
    return Row(
        f"{number}/{stage.number}/{worker.node}",
        severity,
        (
            severity.mark,
            str(stage.number) if first else "",
            (f"{stage.start}-{stage.end}" if stage.end else WHOLE) if first else "",
            worker.node,
            format_ms(worker.measured_ms) if worker.ready else "not yet",
            format_ms(worker.predicted_ms),
            format_rate(worker.rate),
            share + limit,
        ),
    )


def _tell_hop(stage: Stage) -> tuple[str, str]:
    if stage.hop_ms is None or stage.hop_bytes is None:
        return "", ""
    return format_bytes(stage.hop_bytes), f"in {format_ms(max(0.0, stage.hop_ms))}"


def _note_row(key: str, sign: str, operators: str = "", node: str = "") -> Row:
    return Row(key, Severity.OK, (" ", f"  {sign}", operators, node, "", "", "", ""))


def describe_plan(plan: ModelPlan | None) -> str:
    """Say what is to be in a line."""
    if plan is None or not plan.layout.pipelines:
        return "the whole model on every node that can run it"
    return f"{plan.layout.name}: {tell_pipelines(plan.layout.pipelines)}"
