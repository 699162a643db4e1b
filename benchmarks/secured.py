"""What trust costs: CPU a frame with users, permissions and TLS 1.3, against one user and plain text.

    python -m benchmarks.secured [--rounds 12] [--seconds 2] [--json]

Two clusters of one node each run side by side, one secured as by `bramble local --secure` and one not; rounds of
requests go to them in turn, so that whatever else the machine does meets both. Counted is the time on processors of the
broker, the controller, the agent and whoever asks. Must hold: at most 15 % more a frame, with a real model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import MODEL, BenchCluster, NodeSpec, make_manifest
from benchmarks.load import saturate
from benchmarks.picture import make_picture
from cli.access.contexts import write_context
from cli.library import build_model, open_library
from cli.local.broker import Broker
from cli.local.trust import make_trust
from cli.push import push_model
from modelkit.manifest import SimulatedSpec
from wire import subjects
from wire.bus import Bus
from wire.permissions import Role

REAL = "mobilenet_v2"
BOUND = 1.15
WINDOW = 2
READY_S = 120.0
_NODE = "pi1"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds a frame, the median round of each kind, and how they compare."""

    what: str  # the model
    variant: str  # as the nodes serve it
    plain_ms: float
    secured_ms: float
    frames: int

    @property
    def ratio(self) -> float:
        """Secured over plain."""
        return self.secured_ms / self.plain_ms


@asynccontextmanager
async def run_cluster(*, secured: bool) -> AsyncIterator[BenchCluster]:
    """Run a broker, a controller and an agent, for the time of an ``async with``."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bramble-secured-")))
        contexts = {}
        if secured:
            authority, trust = make_trust(directory / "access", directory / "broker", secure=True)
            broker = Broker.start(directory / "broker", trust=trust)
            authority.serve_at(broker.context.url)
            for name, role in (("ann", Role.OPERATOR), ("hub", Role.CONTROLLER), (_NODE, Role.AGENT)):
                contexts[role] = write_context(authority, name, role, directory / f"{name}.json")
            broker.context = contexts[Role.CONTROLLER]  # what the controller is started with
        else:
            broker = Broker.start(directory / "broker")
        stack.callback(broker.stop)
        bus = await stack.enter_async_context(Bus.connect(contexts.get(Role.OPERATOR, broker.context), name="bench"))
        bench = BenchCluster(broker, bus, directory)
        bench.start_controller()
        stack.callback(bench.end, "controller")
        real = ("--backends", "litert,simulated", "--threads", "1")
        profile = directory / "profile.toml"
        profile.write_text("[seconds]\n" + f"{MODEL} = 0.0001\n", "utf-8")
        context = contexts.get(Role.AGENT, broker.context)
        bench.start_node(NodeSpec(_NODE, arguments=(*real, "--profile", str(profile)), context=context))
        stack.callback(bench.end, _NODE)
        await bench.wait_for(lambda status: len(status.nodes) == 1)
        library = open_library(None)
        await push_model(bench.cluster, build_model(REAL, library, print), library, lambda _line: None, key=None)
        await push_model(
            bench.cluster, make_manifest(SimulatedSpec(seconds=0.0001)), library, lambda _line: None, key=None
        )
        for model in (REAL, MODEL):
            await bench.wait_ready(model, 1, within=READY_S)
        yield bench


def spent(bench: BenchCluster) -> float:
    """Return the seconds on processors so far: the cluster's, and our own."""
    total = time.process_time()
    for pid in (bench.broker.pid, *(process.pid for process in bench.processes.values())):
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


async def measure(model: str, picture: bytes, clusters: dict[bool, BenchCluster], rounds: int, seconds: float) -> Cost:
    """Ask both clusters in turn."""
    found: dict[bool, list[float]] = {False: [], True: []}
    frames = 0
    for number in range(rounds + 1):  # the first is to warm up
        for secured in (False, True) if number % 2 else (True, False):
            bench = clusters[secured]
            before = spent(bench)
            load = await saturate(bench.bus, subjects.INFER.build(model=model), picture, window=WINDOW, seconds=seconds)
            if load.failed or not load.answered:
                raise RuntimeError(f"{load.failed} of {load.answered + load.failed} requests failed")
            if number:
                found[secured].append((spent(bench) - before) / load.answered * 1e3)
                frames += load.answered
    variants = {await read_variant(bench, model) for bench in clusters.values()}
    if len(variants) != 1:
        raise RuntimeError(f"the two clusters serve {variants}")
    return Cost(model, variants.pop(), statistics.median(found[False]), statistics.median(found[True]), frames)


async def read_variant(bench: BenchCluster, model: str) -> str:
    """Return the variant of a model that the cluster's node serves."""
    (node,) = (await bench.cluster.status()).nodes
    return next(each.shard.variant for each in node.heartbeat.shards if each.shard.model == model)


async def compare(rounds: int, seconds: float) -> list[Cost]:
    """Measure a real model, and one that takes no time, which leaves the messaging alone."""
    picture = make_picture(640, 480)
    async with run_cluster(secured=False) as plain, run_cluster(secured=True) as secured:
        clusters = {False: plain, True: secured}
        return [await measure(model, picture, clusters, rounds, seconds) for model in (REAL, MODEL)]


def main() -> None:
    """Measure, print, and exit with 1 when the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    costs = asyncio.run(compare(given.rounds, given.seconds))
    if given.json:
        print(json.dumps([{**asdict(cost), "ratio": cost.ratio} for cost in costs]))
    else:
        table = Table(
            "model", "variant", "plain, CPU ms a frame", "secured", "ratio", "frames", title="What trust costs"
        )
        for cost in costs:
            table.add_row(
                cost.what,
                cost.variant,
                f"{cost.plain_ms:.2f}",
                f"{cost.secured_ms:.2f}",
                f"{cost.ratio:.3f}",
                str(cost.frames),
            )
        Console().print(table)
    raise SystemExit(costs[0].ratio > BOUND)


if __name__ == "__main__":
    main()
