"""``bramble status``: the cluster in one line, and its ledger."""

from __future__ import annotations

import click

from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import json_option, print_json
from cli.tables import format_ms, join_counts
from wire.messages import Counts
from wire.status import ClusterStatus, ControllerStatus

_ENDS = ("p50", "p95", "p99")


@click.command()
@context_option
@json_option
def status(*, context: str | None, as_json: bool) -> None:
    """Say in one line how the cluster is, then what became of the frames."""
    found = run(_ask(context))
    if as_json:
        print_json(found)
        return
    click.echo(describe_state(found))
    click.echo(describe_counts(found.counts))
    if len(found.controllers) > 1:
        for controller in found.controllers:
            click.echo(describe_controller(controller))


async def _ask(context: str | None) -> ClusterStatus:
    async with open_cluster(context) as cluster:
        return await cluster.status()


def describe_state(status: ClusterStatus) -> str:
    """Return the state line: ``degraded: 2/3 nodes live (node-3 dead), 1/1 cameras live, …``."""
    nodes_off = [f"{node.node} {node.liveness}" for node in status.nodes if node.liveness != "live"]
    nodes_off += [
        f"{node.node} draining" for node in status.nodes if node.liveness == "live" and node.heartbeat.draining
    ]
    fenced = [f"{node.node} for {', '.join(node.fenced)}" for node in status.nodes if node.fenced]
    cameras_off = [f"{camera.camera} {camera.phase}" for camera in status.cameras if camera.phase != "live"]
    controllers_off = [f"{each.controller} dead" for each in status.controllers if each.liveness != "live"]
    cameras_off += [
        f"{camera.camera} {rung.replace('_', ' ')}"
        for camera in status.cameras
        if camera.phase == "live"
        for rung in camera.degraded.values()
    ]
    models_off = [f"{model.model} unserved" for model in status.models if not model.nodes_ready]
    parts = [
        _share("nodes live", len(status.nodes), nodes_off),
        _share("cameras live", len(status.cameras), cameras_off),
        _share("models served", len(status.models), models_off),
    ]
    parts += [f"{len(fenced)} fenced ({', '.join(fenced)})"] if fenced else []
    if len(status.controllers) > 1:
        parts.append(_share("controllers live", len(status.controllers), controllers_off))
    times = [f"{name} {format_ms(status.latency_ms[name])}" for name in _ENDS if status.latency_ms.get(name)]
    parts += [" ".join(times)] if times else []
    word = (
        "degraded" if nodes_off or cameras_off or models_off or controllers_off or fenced or not status.nodes else "ok"
    )
    return f"{word}: " + ", ".join(parts)


def describe_controller(controller: ControllerStatus) -> str:
    """Return a controller's duties and its own ledger; with one that died, what it had open has failed."""
    duties = ["plans"] if controller.plans else []
    duties += [f"owns {', '.join(controller.cameras)}"] if controller.cameras else []
    said = ", ".join(duties) or ("answers requests" if controller.liveness == "live" else controller.liveness)
    return f"  {controller.controller}: {said}; {describe_counts(controller.counts)}"


def describe_counts(counts: Counts) -> str:
    """Return the ledger as the equation that it is."""
    ends = [("inferred", counts.inferred), ("gated", counts.gated)]
    ends += _reasons("dropped", counts.dropped) + _reasons("failed", counts.failed)
    ends += [("open", counts.open)]
    return f"{counts.offered} frames offered: {join_counts([(name, count) for name, count in ends if count])}"


def _share(what: str, total: int, off: list[str]) -> str:
    return f"{total - len(off)}/{total} {what}" + (f" ({', '.join(off)})" if off else "")


def _reasons(end: str, reasons: dict[str, int]) -> list[tuple[str, int]]:
    return [(f"{end} ({reason})", count) for reason, count in sorted(reasons.items())]
