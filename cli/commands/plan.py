"""``bramble plan``: should this model be split at all? Measured, proposed, explained."""

from __future__ import annotations

import re
from typing import Any

import click

from cli.connection import context_option, open_cluster, run
from cli.output import json_option, print_json, print_note
from cli.plan_picture import draw_option
from cli.tables import NONE, Table, format_bytes, format_ms, print_table
from cli.waiting import waiting
from wire.plans import MAX_STAGES, PinnedOperators, PlannedNode, PlanOption, PlanReport, PlanRequest

OBJECTIVES = ("throughput", "latency", "memory", "energy")
_PIN = re.compile(r"(\d{1,6})-(\d{1,6})=([A-Za-z0-9_-]{1,64}(?:,[A-Za-z0-9_-]{1,64})*)")


class _Pin(click.ParamType[PinnedOperators]):
    """Operators and the nodes that may run them, such as ``0-16=pi1,pi2``."""

    name = "pin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PinnedOperators:
        """Read it."""
        found = _PIN.fullmatch(str(value))
        if found is None or not int(found[1]) < int(found[2]):
            self.fail(f"{value!r} is not like 0-16=pi1,pi2", param, ctx)
        return PinnedOperators(start=int(found[1]), end=int(found[2]), nodes=tuple(found[3].split(",")))


@click.command()
@click.argument("model")
@click.option("--objective", type=click.Choice(OBJECTIVES), default="throughput", show_default=True,
              help="What the best plan is best at.")  # fmt: skip
@click.option("--stages", type=click.IntRange(1, MAX_STAGES), help="Exactly so many stages; default: what is best.")
@click.option("--pin", "pins", type=_Pin(), multiple=True, metavar="A-B=NODE,...",
              help="Operators A to B may run on these nodes only.")  # fmt: skip
@click.option("--variant", metavar="NAME", help="Which of the model's files; default: each node's best.")
@click.option("--remeasure", is_flag=True, help="Measure nodes and links again, also those that are known.")
@context_option
@json_option
def plan(
    *,
    model: str,
    objective: str,
    stages: int | None,
    pins: tuple[PinnedOperators, ...],
    variant: str | None,
    remeasure: bool,
    context: str | None,
    as_json: bool,
) -> None:
    """Say where each part of MODEL should run: on every node whole, cut into a pipeline, or both.

    Nodes and links that are not known yet are measured first, while they have nothing else to do.
    """
    request = PlanRequest(
        model=model, objective=objective, stages=stages, pins=pins, variant=variant, remeasure=remeasure,  # type: ignore[arg-type]  # click.Choice holds it to these
    )  # fmt: skip
    report = run(_make(context, request))
    if as_json:
        print_json(report)
    else:
        print_report(report)


async def _make(context: str | None, request: PlanRequest) -> PlanReport:
    async with open_cluster(context) as cluster:
        with waiting(f"measuring what is not known about {request.model} and its nodes"):
            return await cluster.make_plan(request)


def print_report(report: PlanReport) -> None:
    """Print the alternatives, the nodes, a picture of the best, and why it is."""
    print_table(Table(NODE_COLUMNS, tuple(node_row(node) for node in report.nodes)))
    click.echo("")
    print_table(Table(OPTION_COLUMNS, tuple(option_row(option) for option in report.options)))
    click.echo("")
    for line in draw_option(report.options[0]):
        click.echo(line)
    click.echo("")
    click.echo(f"{report.reason[:1].upper()}{report.reason[1:]}.")
    if not report.exact:
        click.echo(f"Nothing can give more than {tell_bound(report)}; better plans than these may exist.")
    for line in (*report.assumed, *report.left_out):
        print_note(f"note: {line}")


NODE_COLUMNS = ("NODE", "RUNS", "WHOLE MODEL", "ROOM", "RECEIVES", "SENDS", "AWAY")
OPTION_COLUMNS = ("PLAN", "FRAMES/S", "ONE FRAME", "AT WORST", "FULLEST NODE", "TRAFFIC/FRAME", "STAGES")


def node_row(node: PlannedNode) -> tuple[str, ...]:
    """Return a node as a row under NODE_COLUMNS."""
    return (
        node.node,
        node.variant,
        format_ms(node.whole_s * 1e3) if node.whole_s >= 0 else NONE,
        format_bytes(node.room_bytes),
        f"{format_bytes(node.receive_bytes_s)}/s",
        f"{format_bytes(node.send_bytes_s)}/s",
        format_ms(node.latency_s * 1e3),
    )


def option_row(option: PlanOption) -> tuple[str, ...]:
    """Return an option as a row under OPTION_COLUMNS."""
    stages = " + ".join(
        " > ".join(f"{stage.start}-{stage.end} x{len(stage.nodes)}" for stage in pipeline)
        for pipeline in option.pipelines
    )
    return (
        option.name,
        f"{option.throughput_s:.3g}",
        format_ms(option.latency_s * 1e3),
        format_ms(option.worst_latency_s * 1e3),
        format_bytes(option.memory_bytes),
        format_bytes(option.traffic_bytes),
        stages,
    )


def tell_bound(report: PlanReport) -> str:
    """Return the bound with its unit."""
    match report.objective:
        case "throughput":
            return f"{report.bound:.3g} frames a second"
        case "latency":
            return f"one frame in {format_ms(report.bound * 1e3)}"
        case _:
            return f"{format_bytes(report.bound)} on the fullest node"
