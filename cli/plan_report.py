"""A plan as people read it: nodes, alternatives, a picture, the reason; and what was measured in the end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import click

from cli.output import print_note
from cli.plan_picture import draw_option
from cli.saturation import Saturated
from cli.tables import NONE, Table, format_bytes, format_ms, print_table
from wire.plans import PlannedNode, PlannedStage, PlanOption, PlanReport, PlanState
from wire.precision import Precision


def tell_state(state: PlanState) -> str:
    """Return what is in force, in a sentence."""
    if state.plan is None:
        return "In force: the whole model on every node that can run it; --apply changes that."
    layout = state.plan.layout
    stages = " + ".join(tell_stages(pipeline) for pipeline in layout.pipelines) or "wherever it can run"
    spares = f"; {', '.join(layout.spares)} hold the whole model as well, in reserve" if layout.spares else ""
    waits = f"; waiting for {'; '.join(state.missing)}" if state.missing else ""
    return f"{'In force' if state.plan.settled else 'Getting ready'}: {layout.name}, {stages}{spares}{waits}."


def tell_stages(pipeline: Sequence[PlannedStage]) -> str:
    """Return a pipeline's stages in a line, such as ``0-40 x2 > 40-70 x1``.

    ``>f16>`` stands where activations do not travel exactly, ``|`` between parts of the picture that run side by side.
    """
    text = "".join(f"{stage.start}-{stage.end} x{len(stage.nodes)}" for stage in pipeline[:1])
    for before, stage in pairwise(pipeline):
        arrow = ">" if before.wire is Precision.EXACT else f">{before.wire}>"
        if stage.start < before.end:
            arrow = "|"  # parts of the picture, side by side
        text += f" {arrow} {stage.start}-{stage.end} x{len(stage.nodes)}"
    return text


def tell_effect(option: PlanOption) -> str | None:
    """Return what an option's precisions do to answers, in a sentence; None where it sends all exactly."""
    effect = option.effect
    if effect is None:
        return None
    boxes = f", boxes overlap theirs by {effect.least_overlap:.3f} at least" if effect.least_overlap < 1 else ""
    return (
        f"{option.name}, on the known picture and views of it: {effect.same_first} of {effect.pictures} first answers "
        f"stay, {effect.matched:.0%} of all, scores change by {effect.score_change:.2g} at most{boxes} "
        f"(measured on {effect.node})"
    )


def compare(predicted: PlanOption | None, measured: Saturated) -> dict[str, Any]:
    """Return what was predicted and what was measured, for programs."""
    return {
        "predicted_throughput_s": predicted.throughput_s if predicted else None,
        "measured_throughput_s": measured.rate,
        "predicted_latency_s": predicted.latency_s if predicted else None,
        "measured_latency_s": measured.alone_s,
        "failed": list(measured.failed),
    }


def print_comparison(predicted: PlanOption | None, measured: Saturated) -> None:
    """Print what was predicted beside what was measured."""
    rows = (
        ("frames a second", predicted.throughput_s if predicted else None, measured.rate, "{:.3g}"),
        ("ms for one frame alone", predicted.latency_s * 1e3 if predicted else None, measured.alone_s * 1e3, "{:.3g}"),
    )
    cells = tuple(
        (
            what,
            form.format(told) if told else NONE,
            form.format(found) if found else NONE,
            f"{found / told - 1:+.0%}" if told and found else NONE,
        )
        for what, told, found, form in rows
    )
    click.echo("")
    print_table(Table(("", "PREDICTED", "MEASURED", "DIFFERENCE"), cells))
    for failure in measured.failed:
        print_note(f"failed: {failure}")


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
    for line in filter(None, map(tell_effect, report.options)):
        click.echo(f"{line[:1].upper()}{line[1:]}.")
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
    stages = " + ".join(tell_stages(pipeline) for pipeline in option.pipelines)
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
