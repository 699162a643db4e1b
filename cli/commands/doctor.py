"""``bramble doctor``: what is wrong, in words, with the remedy; and an exit code for cron."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from http.client import HTTPException
from urllib.request import urlopen

import click
from rich.console import Console

from cli.cluster import Cluster
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.doctor import broker, expiry, selection
from cli.doctor.report import print_findings
from cli.output import Exit, Failure, json_option, print_error, print_json
from wire import health
from wire.bus.survey import survey_server
from wire.context import Context, load_context
from wire.errors import AnswerTimeoutError, BadRequestError, BrambleError, NoRespondersError
from wire.findings import Finding, Health, Severity, judge_health
from wire.status import ClusterStatus
from wire.tls import make_tls

MONITOR_S = 5.0
MAX_PAGE = 1 << 20
_KINDS = ("cluster", "node", "camera")

_EPILOG = """\
Exit codes: 0 all is well; 1 there are warnings; 2 something is broken (or wrong usage); 3 it could not look.

On a node that cannot be reached, run `bramble-agent doctor`.
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice(_KINDS), default="cluster")
@click.argument("name", required=False)
@click.option("--monitor", metavar="URL", help="The NATS server's monitoring page, such as https://127.0.0.1:8222.")
@click.option("--all", "show_all", is_flag=True, help="Show also what is well.")
@context_option
@json_option
@click.pass_context
def doctor(
    ctx: click.Context,
    /,
    *,
    kind: str,
    name: str | None,
    monitor: str | None,
    show_all: bool,
    context: str | None,
    as_json: bool,
) -> None:
    """Say what is wrong with the cluster, a node or a camera, and what to do about it.

    Every live node examines itself: runtimes and drivers, accelerators, power, disk, memory.
    """
    if kind == "cluster" and name:
        raise click.UsageError("a cluster has no name: use --context")
    try:
        with Console(stderr=True).status("examining"):
            found = run(_examine(load_context(context), kind, name, monitor))
    except BrambleError as error:
        print_error(Failure(error.message, error.remedy, Exit.UNREACHABLE))
        ctx.exit(Health.UNKNOWN)
    if as_json:
        for finding in found:
            print_json(finding)
    else:
        print_findings(found, show_all=show_all)
    ctx.exit(judge_health(found))


async def _examine(context: Context, kind: str, name: str | None, monitor: str | None) -> tuple[Finding, ...]:
    async with open_cluster(context) as found:
        if kind == "cluster":
            server = await survey_server(found.bus.control)
            settings = broker.judge_settings(broker.read_varz(await _read_page(monitor, context))) if monitor else ()
            now = time.time()
            return (
                *broker.judge_server(server, now, url=context.url),
                *expiry.judge_own(context, now),
                *await expiry.judge_others(context, server.server, now),
                *settings,
                *await _look_around(found),
            )
        status = await found.status()
        judged = _require(selection.choose(health.judge_cluster(status), kind, name), kind, name)
        live = [node for node in list_live(status) if name in (None, node)] if kind == "node" else []
        return selection.merge(judged, await _ask_nodes(found, live))


async def _look_around(found: Cluster) -> tuple[Finding, ...]:
    try:
        status = await found.status()
    except (NoRespondersError, AnswerTimeoutError) as error:
        return (health.judge_silence(error.message),)
    return selection.merge(health.judge_cluster(status), await _ask_nodes(found, list_live(status)))


def list_live(status: ClusterStatus) -> list[str]:
    """Return the nodes that can be asked."""
    return [node.node for node in status.nodes if node.liveness == "live"]


def _require(findings: tuple[Finding, ...], kind: str, name: str | None) -> tuple[Finding, ...]:
    if name and not findings:
        remedy = "`bramble nodes` lists them" if kind == "node" else "`bramble camera list` lists them"
        raise BadRequestError(f"there is no {kind} {name!r}", remedy=remedy)
    return findings


async def _ask_nodes(found: Cluster, nodes: Iterable[str]) -> list[Finding]:
    """Have nodes examine themselves, all at once; one that cannot is a finding too."""
    answers = await asyncio.gather(*(_ask_node(found, node) for node in nodes))
    return [finding for answer in answers for finding in answer]


async def _ask_node(found: Cluster, node: str) -> tuple[Finding, ...]:
    try:
        return (await found.examine_node(node)).findings
    except BrambleError as error:
        text = f"did not examine itself: {error.message}"
        remedy = "run `bramble-agent doctor` on it"
        return (
            Finding(about=f"node {node}", check="examination", severity=Severity.WARNING, text=text, remedy=remedy),
        )


async def _read_page(url: str, context: Context) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise BadRequestError(f"{url!r} is no web address", remedy="give http://HOST:PORT")

    tls = make_tls(context) if url.startswith("https://") else None

    def read() -> bytes:
        with urlopen(f"{url.rstrip('/')}/varz", timeout=MONITOR_S, context=tls) as reply:  # noqa: S310 - checked above
            data: bytes = reply.read(MAX_PAGE)
            return data

    try:
        return await asyncio.to_thread(read)
    except (OSError, HTTPException) as error:
        raise BadRequestError(f"the monitoring page {url} cannot be read: {error}", remedy="check --monitor") from error
