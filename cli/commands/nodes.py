"""``bramble nodes``: who is there, how loaded and how hot; and taking one out for a while."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click

from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import json_option, print_json
from cli.tables import NONE, Table, format_bytes, format_ms, print_table
from wire.messages import Done, ShardReport, ShardState
from wire.status import NodeStatus

COLUMNS = ("NODE", "STATE", "SEEN", "LOAD", "BUSY", "MEMORY", "TEMP", "MODELS")


@click.group(invoke_without_command=True)
@context_option
@json_option
@click.pass_context
def nodes(ctx: click.Context, /, *, context: str | None, as_json: bool) -> None:
    """List the nodes; drain and undrain one."""
    if ctx.invoked_subcommand is not None:
        return
    found = run(_list(context))
    if as_json:
        for node in found:
            print_json(node)
    else:
        print_table(Table(COLUMNS, tuple(row(node) for node in found)))


@nodes.command()
@click.argument("name")
@context_option
def drain(*, name: str, context: str | None) -> None:
    """Let node NAME finish what it holds and give it nothing new."""
    click.echo(run(_command(context, name, "drain")).text)


@nodes.command()
@click.argument("name")
@context_option
def undrain(*, name: str, context: str | None) -> None:
    """Give node NAME work again."""
    click.echo(run(_command(context, name, "undrain")).text)


async def _list(context: str | None) -> tuple[NodeStatus, ...]:
    async with open_cluster(context) as cluster:
        return (await cluster.status()).nodes


async def _command(context: str | None, name: str, verb: str) -> Done:
    async with open_cluster(context) as cluster:
        return await cluster.command_node(name, verb)


def row(node: NodeStatus) -> tuple[str, ...]:
    """Return a node as a row under COLUMNS."""
    beat = node.heartbeat
    heat = NONE if beat.temperature_c is None else f"{beat.temperature_c:.0f} °C"
    return (
        node.node,
        "draining" if beat.draining and node.liveness == "live" else node.liveness,
        f"{node.age_s:.1f} s",
        f"{beat.load:.2f}/{beat.cpus}",
        f"{beat.in_flight}+{beat.queued}",
        f"{format_bytes(beat.rss_bytes)} of {format_bytes(beat.memory_bytes)}",
        ", ".join([heat, *beat.throttling]),
        ", ".join(describe_shard(report, node.fenced) for report in beat.shards) or NONE,
    )


def describe_shard(report: ShardReport, fenced: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return ``mobilenet_v2 cpu-int8 8.1 ms``, or what keeps the shard from serving."""
    name = f"{report.shard.model} {report.shard.variant}"
    if reason := fenced.get(report.shard.model):
        return f"{name} fenced ({reason})"
    match report.state:
        case ShardState.READY:
            return f"{name} {format_ms(report.ewma_ms)}" if report.ewma_ms else f"{name} ready"
        case ShardState.REJECTED:
            return f"{name} rejected ({report.reason})"
        case state:
            return f"{name} {state}"
