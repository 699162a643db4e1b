"""What being watched costs: heartbeats, metrics and the dashboard, at 0, 20 and 200 nodes that serve a model.

    python -m benchmarks.control [--seconds 8] [--json FILE]

A real broker and a real controller; the nodes are their heartbeats alone, one a second each. Told are shares of one
processor, so that they hold for any number of cores. A real agent with nothing to do stands beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import MODEL, BenchCluster, NodeSpec, make_manifest, open_cluster
from benchmarks.harness.processes import CpuMeter
from benchmarks.harness.record import write_record
from benchmarks.harness.terminal import run_in_terminal
from modelkit.manifest import Manifest
from wire import subjects
from wire.bus import Bus, Received
from wire.context import save_context
from wire.messages import Heartbeat, Shard, ShardReport, ShardState, encode

COUNTS = (0, 20, 200)
PERIOD_S = 1.0
SETTLE_S = 3.0
SCRAPES = 5
AGENT = "agent"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """So many nodes. Shares of one processor; None: there is no such process."""

    nodes: int
    controller: float
    broker: float
    watched_controller: float  # while a dashboard looks on
    dashboard: float
    agent: float | None = None  # a real one, idle
    scrape_ms: float  # of the controller's time
    scrape_bytes: int


def make_heartbeat(node: str, seq: int, shard: Shard) -> Heartbeat:
    """Return what a node of four cores says that serves one model."""
    return Heartbeat(
        node=node,
        session="bench",
        seq=seq,
        at=time.time(),
        uptime_s=float(seq),
        version="0",
        machine="aarch64",
        variants=(shard.variant,),
        cpus=4,
        load=0.5,
        memory_bytes=4 << 30,
        memory_available_bytes=3 << 30,
        rss_bytes=90 << 20,
        in_flight=0,
        queued=0,
        busy_s=float(seq) / 2,
        threads=4,
        temperature_c=55.0,
        shards=(ShardReport(shard=shard, state=ShardState.READY, ewma_ms=46.0, served=10 * seq),),
    )


def make_shard(manifest: Manifest) -> Shard:
    """Return the whole model as a node reports it."""
    return Shard(
        model=manifest.name,
        version=manifest.version,
        variant="simulated",
        digest=manifest.digest("simulated"),
    )


@asynccontextmanager
async def beat(bus: Bus, nodes: int, shard: Shard) -> AsyncIterator[None]:
    """Have so many hearts beat, spread over the second, and answer when asked whether they are there."""

    async def run() -> None:
        started, sent = time.monotonic(), 0
        while True:
            seq, number = divmod(sent, nodes)
            await asyncio.sleep(max(0.0, started + sent * PERIOD_S / nodes - time.monotonic()))
            name = f"node-{number + 1}"
            await bus.control.publish(subjects.HEARTBEAT.build(node=name), encode(make_heartbeat(name, seq + 1, shard)))
            sent += 1

    async def answer(message: Received) -> None:
        await bus.control.publish(message.reply, b"")

    if not nodes:
        yield
        return
    listening = await bus.control.subscribe(subjects.NODE_PROBE.wildcard(), answer)
    task = asyncio.create_task(run(), name="hearts")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        await listening.end()


async def measure_shares(pids: Iterable[int], seconds: float) -> list[float]:
    """Return what share of a processor each of the process trees takes."""
    meters = [CpuMeter(pid) for pid in pids]
    before, started = [meter.read() for meter in meters], time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - started
    return [(meter.read() - spent) / took for meter, spent in zip(meters, before, strict=True)]


async def measure(nodes: int, seconds: float) -> Row:
    """Measure one size of cluster, with a controller of its own."""
    specs = [NodeSpec(AGENT, 0.05)] if not nodes else []
    async with open_cluster(specs) as bench:
        manifest = make_manifest()
        await bench.cluster.add_model(manifest)
        async with beat(bench.bus, nodes, make_shard(manifest)):
            await bench.wait_ready(MODEL, nodes or 1)
            await asyncio.sleep(SETTLE_S)
            controller, broker = bench.processes["controller"].pid, bench.broker.pid
            pids = [controller, broker, *([bench.processes[AGENT].pid] if specs else [])]
            alone = await measure_shares(pids, seconds)
            scrape_ms, scrape_bytes = await scrape(bench, controller)
            context = bench.directory / "bench.json"
            save_context(bench.broker.context, context)
            command = (sys.executable, "-P", "-m", "cli.main", "top", "--context", str(context))
            async with run_in_terminal(command, env={**os.environ, "TERM": "xterm-256color"}) as dashboard:
                await dashboard.wait_for(b"node-1" if nodes else AGENT.encode())
                await asyncio.sleep(SETTLE_S)
                watched, shown = await measure_shares([controller, dashboard.pid], seconds)
    return Row(
        nodes=nodes,
        controller=alone[0],
        broker=alone[1],
        agent=alone[2] if specs else None,
        watched_controller=watched,
        dashboard=shown,
        scrape_ms=scrape_ms,
        scrape_bytes=scrape_bytes,
    )


async def scrape(bench: BenchCluster, controller: int) -> tuple[float, int]:
    """Return the controller's milliseconds for a scrape of its metrics, and the page's bytes."""
    url = (await bench.cluster.status()).metrics_url

    def get() -> bytes:
        with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - the controller's own address
            body: bytes = page.read()
            return body

    meter = CpuMeter(controller)
    before, started = meter.read(), time.perf_counter()
    pages = [await asyncio.to_thread(get) for _ in range(SCRAPES)]
    spent, took = meter.read() - before, time.perf_counter() - started
    (resting,) = await measure_shares([controller], 1.0)
    return max(0.0, spent - resting * took) / SCRAPES * 1e3, len(pages[-1])


def print_rows(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title="What being watched costs, in % of one core")
    for name in ("nodes", "controller", "broker", "with a dashboard", "dashboard", "idle agent", "scrape", "page"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row.nodes),
            *(f"{share:.1%}" for share in (row.controller, row.broker, row.watched_controller, row.dashboard)),
            "" if row.agent is None else f"{row.agent:.1%}",
            f"{row.scrape_ms:.1f} ms",
            f"{row.scrape_bytes / 1e3:.0f} KB",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    rows = []
    for nodes in COUNTS:
        print(f"{nodes} nodes", file=sys.stderr, flush=True)
        rows.append(asyncio.run(measure(nodes, options.seconds)))
    if options.json:
        write_record(options.json, "control", rows, {})
    print_rows(rows)


if __name__ == "__main__":
    main()
