"""How much of their sum several nodes give, and pipelines of their slowest stage: real agents and a real model.

    python -m benchmarks.scaling [--share 0.1] [--seconds 8] [--json FILE]

Nodes are alike, each with a part of one processor by a cgroup quota; all are started at once, and those that a layout
does not need are drained. Replicas are held against one node's rate times their number; pipelines against the bound
that their slowest stage and link set, as planned from the nodes' profiles. Must hold: 3 replicas 95 %, 5 replicas 92 %,
pipelines 90 %.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import BenchCluster
from benchmarks.harness.record import write_record
from benchmarks.plan_accuracy import READY_S, Setup, find_model, is_in_force, start_nodes
from benchmarks.quota import open_quotas
from cli.push import push_model
from cli.saturation import saturate
from wire.plans import PlanRequest

SHARE = 0.1
REPLICAS = (1, 2, 3, 5, 8)
PIPELINES = (2, 3, 5, 8)
BOUNDS = {"3 replicas": 0.95, "5 replicas": 0.92, **{f"pipeline of {count}": 0.9 for count in PIPELINES}}


@dataclass(frozen=True, slots=True)
class Share:
    """What a layout gave, and of what."""

    layout: str
    measured_s: float  # frames a second
    possible_s: float
    failed: int

    @property
    def share(self) -> float:
        """How much of what is possible."""
        return self.measured_s / self.possible_s


async def measure(model: str, seconds: float, share: float) -> AsyncIterator[Share]:
    """Run all layouts, one node first; each is told as soon as it is known, since all take some minutes."""
    library, manifest, picture = find_model(model)
    most = max(*REPLICAS, *PIPELINES)
    names = [f"node-{number}" for number in range(1, most + 1)]
    one = 0.0
    with open_quotas() as quotas:
        async with start_nodes(Setup((share,) * most), names, quotas) as bench:
            await push_model(bench.cluster, manifest, library, print, key=None)
            await bench.wait_ready(model, most, within=READY_S)
            for name in names:
                quotas.limit(name, share)
            for count in REPLICAS:
                await employ(bench, model, names, count)
                found = await saturate(bench.cluster, model, picture, window=2 + 2 * count, seconds=seconds)
                one = one or found.rate
                yield Share(f"{count} replicas" if count > 1 else "1 node", found.rate, one * count, len(found.failed))
            for count in PIPELINES:
                await employ(bench, model, names, count)
                report = await bench.cluster.apply_plan(PlanRequest(model=model, stages=count))
                await bench.wait_until(lambda: is_in_force(bench, model), within=READY_S)
                found = await saturate(bench.cluster, model, picture, window=2 + 3 * count, seconds=seconds)
                possible = report.options[0].throughput_s
                yield Share(f"pipeline of {count}", found.rate, possible, len(found.failed))
                await bench.cluster.reset_plan(model)
                await bench.wait_until(lambda: is_in_force_or_automatic(bench, model), within=READY_S)


async def employ(bench: BenchCluster, model: str, names: Sequence[str], count: int) -> None:
    """Let so many nodes serve, and drain the others."""
    for place, name in enumerate(names):
        await bench.cluster.command_node(name, "undrain" if place < count else "drain")
    await bench.wait_ready(model, count, within=READY_S)


async def is_in_force_or_automatic(bench: BenchCluster, model: str) -> bool:
    """Tell whether nothing is being changed."""
    plan = (await bench.cluster.show_plan(model)).plan
    return plan is None or plan.settled


async def run(model: str, seconds: float, share: float) -> list[Share]:
    """Measure, and tell each layout as it comes."""
    found = []
    async for each in measure(model, seconds, share):
        found.append(each)
        print(f"{each.layout}: {each.measured_s:.3g}/s, {each.share:.0%}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, print, and exit with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--share", type=float, default=SHARE, help="of one processor, a node")
    parser.add_argument("--seconds", type=float, default=8.0, help="of load for each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    found = asyncio.run(run(options.model, options.seconds, options.share))
    if options.json:
        rows = [asdict(each) | {"share": each.share, "bound": BOUNDS.get(each.layout)} for each in found]
        write_record(options.json, "scaling", rows, {})
    table = Table(title=f"{options.model} on nodes with {options.share:.0%} of a processor each")
    for column in ("layout", "frames/s", "possible", "share", "must hold", "failed"):
        table.add_column(column, justify="left" if column == "layout" else "right")
    for each in found:
        bound = f"{BOUNDS[each.layout]:.0%}" if each.layout in BOUNDS else ""
        table.add_row(
            each.layout, f"{each.measured_s:.3g}", f"{each.possible_s:.3g}", f"{each.share:.0%}", bound,
            str(each.failed),
        )  # fmt: skip
    Console(width=120).print(table)
    raise SystemExit(int(any(each.failed or each.share < BOUNDS.get(each.layout, 0) for each in found)))


if __name__ == "__main__":
    main()
