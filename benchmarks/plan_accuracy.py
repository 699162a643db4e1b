"""What a plan predicts beside what the cluster gives, on clusters of unlike nodes: real agents, a real model.

    python -m benchmarks.plan_accuracy [CLUSTER ...] [--model mobilenet_v2] [--seconds 8] [--json]

Each node is an agent on one thread with a part of one processor by a cgroup quota (root; the machine must have cores
for the sum and for the controller, the broker and the load, or the figures say more about the machine). A thin link is
a proxy. Prediction and measurement are those of `bramble plan --apply --measure`. Must hold: within 15 %.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import BenchCluster, NodeSpec, open_cluster
from benchmarks.quota import Quotas, open_quotas
from benchmarks.thin_link import thin_link
from cli.push import push_model
from cli.saturation import saturate
from modelkit.library import Library
from modelkit.manifest import Manifest
from models import recipes
from wire.plans import PlanOption, PlanRequest

BOUND = 0.15
READY_S = 180.0
SETTLE_S = 15.0  # so long service has to run before the pace of a node can show
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Setup:
    """A cluster to try."""

    shares: tuple[float, ...]  # of a processor, one a node
    stages: int | None = None
    thin: float | None = None  # bytes a second of the last node's link
    small_mib: int | None = None  # what the last two nodes may take, agents included
    throttled: float | None = None  # the share that the first node is left with midway


SETUPS = {
    "equal": Setup((0.2, 0.2, 0.2)),
    "1:2:4": Setup((0.1, 0.2, 0.4)),
    "thin link": Setup((0.25, 0.25, 0.25), thin=1.5e6),
    "small memory": Setup((0.25, 0.25, 0.25), small_mib=82),
    "five": Setup((0.15,) * 5),
    "throttled": Setup((0.25, 0.25, 0.25), throttled=0.1),
    "pipeline of two": Setup((0.3, 0.3), stages=2),
    "pipeline of three": Setup((0.25, 0.25, 0.25), stages=3),
    "pipeline on 1:2:4": Setup((0.1, 0.2, 0.4), stages=2),
    "pipeline of five": Setup((0.15,) * 5, stages=5),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One cluster's figures; times in seconds."""

    cluster: str
    plan: str
    predicted_s: float  # frames a second
    measured_s: float
    predicted_latency: float
    measured_latency: float
    failed: int

    @property
    def error(self) -> float:
        """How far the prediction was off, as a share of what was measured."""
        return self.predicted_s / self.measured_s - 1 if self.measured_s else float("inf")


async def try_cluster(name: str, setup: Setup, model: str, seconds: float) -> Row:
    """Start the cluster, plan, apply, measure."""
    library, manifest, picture = find_model(model)
    names = [f"node-{number}" for number, _ in enumerate(setup.shares, 1)]
    with open_quotas() as quotas:
        async with start_nodes(setup, names, quotas) as bench:
            await push_model(bench.cluster, manifest, library, print, key=None)
            ready = len(names) if setup.small_mib is None else 1
            await bench.wait_for(
                lambda status: any(each.model == model and len(each.nodes_ready) >= ready for each in status.models),
                within=READY_S,
            )
            for node, share in zip(names, setup.shares, strict=True):
                quotas.limit(node, share)
            request = PlanRequest(model=model, stages=setup.stages)
            report = await bench.cluster.apply_plan(request)
            await bench.wait_until(lambda: is_in_force(bench, model), within=READY_S)
            option = report.options[0]
            window = 2 + 3 * len(names)
            if setup.throttled is not None:
                quotas.limit(names[0], setup.throttled)
                await saturate(bench.cluster, model, picture, window=window, seconds=SETTLE_S)
                option = _find(option, (await bench.cluster.make_plan(request)).options)
            measured = await saturate(bench.cluster, model, picture, window=window, seconds=seconds)
            for failure in measured.failed:
                print(f"failed: {failure}")
    plan = " + ".join(
        " > ".join(f"{stage.start}-{stage.end} x{len(stage.nodes)}" for stage in stages) for stages in option.pipelines
    )
    return Row(
        name, f"{option.name} {plan}", option.throughput_s, measured.rate, option.latency_s, measured.alone_s,
        len(measured.failed),
    )  # fmt: skip


def find_model(name: str) -> tuple[Library, Manifest, bytes]:
    """Return the library, a model in it, built where it is not there yet, and its known picture."""
    library = Library(Path(os.environ.get("BRAMBLE_LIBRARY") or ROOT / ".cache" / "library"))
    manifest = recipes.build(name, library, print)
    if manifest.known_answer is None:
        raise SystemExit(f"{name} has no known picture")
    return library, manifest, library.path(manifest.known_answer.sha256).read_bytes()


@contextlib.asynccontextmanager
async def start_nodes(setup: Setup, names: list[str], quotas: Quotas) -> AsyncIterator[BenchCluster]:
    """Start the nodes one processor each, and the last one behind its link."""
    async with contextlib.AsyncExitStack() as stack:
        bench = await stack.enter_async_context(open_cluster([]))
        quotas.join(bench.broker.pid, bench.processes["controller"].pid)
        processors = sorted(os.sched_getaffinity(0))
        for number, name in enumerate(names):
            arguments = ["--backends", "litert", "--threads", "1"]
            if setup.small_mib is not None and number >= len(names) - 2:
                arguments += ["--memory-mib", str(setup.small_mib)]
            context = bench.broker.context
            if setup.thin is not None and name == names[-1]:
                context = await stack.enter_async_context(thin_link(context, setup.thin))
            bench.start_node(
                NodeSpec(
                    name,
                    arguments=tuple(arguments),
                    context=context,
                    prefix=("taskset", "-c", str(processors[number % len(processors)])),
                    limit=lambda pid, name=name: quotas.add(name, pid),  # type: ignore[misc]  # bound at once
                )
            )
        await bench.wait_for(lambda status: len(status.nodes) == len(names), within=READY_S)
        yield bench


async def is_in_force(bench: BenchCluster, model: str) -> bool:
    """Tell whether the model's plan alone serves."""
    plan = (await bench.cluster.show_plan(model)).plan
    return plan is not None and plan.settled


def _find(wanted: PlanOption, options: tuple[PlanOption, ...]) -> PlanOption:
    return next((each for each in options if each.pipelines == wanted.pipelines), options[0])


def print_rows(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title="Plans: predicted and measured")
    for column in ("cluster", "plan", "predicted/s", "measured/s", "off by", "ms alone", "measured", "failed"):
        table.add_column(column, justify="left" if column in ("cluster", "plan") else "right")
    for row in rows:
        table.add_row(
            row.cluster, row.plan, f"{row.predicted_s:.3g}", f"{row.measured_s:.3g}", f"{row.error:+.0%}",
            f"{row.predicted_latency * 1e3:.3g}", f"{row.measured_latency * 1e3:.3g}", str(row.failed),
        )  # fmt: skip
    Console(width=140).print(table)


def main() -> None:
    """Measure, print, and exit with 1 when a prediction is off by more than the bound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("clusters", nargs="*", metavar="CLUSTER", help=f"any of: {', '.join(SETUPS)}; default: all")
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--seconds", type=float, default=8.0, help="of load for each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for name in options.clusters or SETUPS:
        rows.append(asyncio.run(try_cluster(name, SETUPS[name], options.model, options.seconds)))
        if options.json:
            print(json.dumps(asdict(rows[-1]) | {"error": rows[-1].error}), flush=True)
    if not options.json:
        print_rows(rows)
    raise SystemExit(int(any(abs(row.error) > BOUND or row.failed for row in rows)))


if __name__ == "__main__":
    main()
