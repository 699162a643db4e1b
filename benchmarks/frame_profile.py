"""Where a frame's CPU time goes: seconds on processors by process, for frames that cost their node nothing.

    python -m benchmarks.frame_profile [--rounds 5] [--seconds 2] [--json] [--against CHECKOUT] [--flames DIRECTORY]

A broker, a controller and two agents run as processes of their own, and play a model of 0.1 ms and one of 8 ms, so all
that is counted is messaging. Frames take two ways: *dispatched*, as the controller sends a camera's (the product's own
dispatcher runs in the client), and *asked*, as people send theirs to ``infer.<model>``. What the processes spend while
nothing is asked of them is taken off. With ``--against`` another checkout is measured in the same run, in turn. With
``--flames`` py-spy, where it is installed, writes a flame graph of each Python process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import STOP_S, BenchCluster, NodeSpec, make_manifest, open_cluster
from benchmarks.load import Measured, saturate
from benchmarks.picture import make_picture
from controller.dispatch.candidate import Chain, Role
from controller.dispatch.courier import BusCourier
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job
from controller.dispatch.pool import Pool
from controller.tracing.tracer import NoTracer
from modelkit.manifest import SimulatedSpec
from wire import subjects
from wire.precision import Precision

NODES = ("node-1", "node-2")
MODELS = {"instant": 0.0001, "paced": 0.008}
DEADLINE_S = 10.0
IDLE_S = 3.0
PYTHONS = ("controller", *NODES)


@dataclass(frozen=True, slots=True)
class Load:
    """One way of asking."""

    way: str  # dispatched | asked
    model: str
    window: int  # frames in flight

    def __str__(self) -> str:
        return f"{self.way}, {MODELS[self.model] * 1e3:g} ms, {self.window} in flight"


LOADS = (
    Load("dispatched", "instant", 4),
    Load("dispatched", "paced", 1),
    Load("dispatched", "paced", 4),
    Load("asked", "instant", 4),
    Load("asked", "paced", 1),
)


class Bench:
    """A cluster under measurement."""

    def __init__(self, cluster: BenchCluster, picture: bytes) -> None:
        self._cluster = cluster
        self._picture = picture
        self._pool = Pool(time.monotonic)
        self._dispatcher = Dispatcher(self._pool, BusCourier(cluster.bus.data, NoTracer()), time.monotonic)
        self._idle: dict[str, float] = {}  # CPU seconds a second
        self._frames = 0

    async def prepare(self) -> None:
        """Push the models, seat the nodes, and see what the processes spend when nothing is asked of them."""
        offers = {}
        for model, seconds in MODELS.items():
            manifest = msgspec.structs.replace(make_manifest(SimulatedSpec(seconds=seconds)), name=model)
            await self._cluster.cluster.add_model(manifest)
            await self._cluster.wait_ready(model, len(NODES))
        status = await self._cluster.cluster.status()
        for node in status.nodes:
            for shard in node.heartbeat.shards:
                offers[Role(Chain(shard.shard.model, shard.shard.artefact, None, 1), 0)] = Precision.EXACT
            self._pool.seat(node.node, offers, node.heartbeat.session, {})
        for load in LOADS:
            await self._run(load, 0.5)
        before, started = self._spent(), time.perf_counter()
        await asyncio.sleep(IDLE_S)
        elapsed = time.perf_counter() - started
        self._idle = {name: (spent - before[name]) / elapsed for name, spent in self._spent().items()}

    async def measure(self, load: Load, seconds: float) -> dict[str, float]:
        """Return CPU milliseconds a frame by process, the latency, and the frames a second."""
        before, started = self._spent(), time.perf_counter()
        measured = await self._run(load, seconds)
        elapsed = time.perf_counter() - started
        if measured.failed or not measured.answered:
            raise RuntimeError(f"{measured.failed} of {measured.failed + measured.answered} frames failed")
        frames = measured.answered / 1e3
        found = {
            name: max(0.0, spent - before[name] - elapsed * self._idle[name]) / frames
            for name, spent in self._spent().items()
        }
        return {**found, "p50_ms": measured.at(0.5) * 1e3, "p99_ms": measured.at(0.99) * 1e3, "rate": measured.rate}

    async def _run(self, load: Load, seconds: float) -> Measured:
        if load.way == "asked":
            subject = subjects.INFER.build(model=load.model)
            return await saturate(self._cluster.bus, subject, self._picture, window=load.window, seconds=seconds)
        return await _keep(load.window, seconds, lambda: self._dispatch(load.model))

    async def _dispatch(self, model: str) -> None:
        self._frames += 1
        job = Job(f"frame-{self._frames}", model, self._picture, deadline=time.monotonic() + DEADLINE_S)
        await self._dispatcher.infer(job)

    def _spent(self) -> dict[str, float]:
        pids = {name: process.pid for name, process in self._cluster.processes.items()}
        found = {"client": time.process_time()}
        for name, pid in {"broker": self._cluster.broker.pid, **pids}.items():
            times = psutil.Process(pid).cpu_times()
            found[name] = times.user + times.system
        return found


async def _keep(window: int, seconds: float, ask: Callable[[], Awaitable[None]]) -> Measured:
    """Keep so many frames under way."""
    latencies: list[float] = []
    started = time.perf_counter()
    end = started + seconds

    async def keep_asking() -> None:
        while (asked := time.perf_counter()) < end:
            await ask()
            latencies.append(time.perf_counter() - asked)

    await asyncio.gather(*(keep_asking() for _ in range(window)))
    return Measured(len(latencies), 0, time.perf_counter() - started, tuple(sorted(latencies)))


async def serve_rounds(seconds: float, flames: Path | None) -> None:
    """Measure every load once for every line on the input, and print a line of JSON for each."""
    picture = make_picture(640, 480, quality=86)  # 88 KB
    async with open_cluster([NodeSpec(name, arguments=("--backends", "simulated")) for name in NODES]) as cluster:
        bench = Bench(cluster, picture)
        await bench.prepare()
        print(json.dumps({"picture_bytes": len(picture)}), flush=True)
        with record_flames(cluster, flames):
            while await asyncio.to_thread(sys.stdin.readline):
                found = {str(load): await bench.measure(load, seconds) for load in LOADS}
                print(json.dumps(found), flush=True)


@contextmanager
def record_flames(cluster: BenchCluster, directory: Path | None) -> Iterator[None]:
    """Have py-spy look at each Python process meanwhile."""
    if directory is None:
        yield
        return
    spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if spy is None:
        raise SystemExit("py-spy is not installed: pip install py-spy")
    directory.mkdir(parents=True, exist_ok=True)
    pids = {name: cluster.processes[name].pid for name in PYTHONS} | {"client": os.getpid()}
    spies = [
        subprocess.Popen(
            [spy, "record", "--pid", str(pid), "--rate", "500", "--output", str(directory / f"{name}.svg")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name, pid in pids.items()
    ]
    try:
        yield
    finally:
        for spy_process in spies:
            spy_process.send_signal(signal.SIGINT)
            spy_process.wait(STOP_S)


class Tree:
    """A checkout under measurement, in processes of its own."""

    def __init__(self, directory: Path, seconds: float, flames: Path | None) -> None:
        command = [sys.executable, "-m", "benchmarks.frame_profile", "--serve", "--seconds", str(seconds)]
        if flames is not None:
            command += ["--flames", str(flames.absolute())]
        self._process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.picture_bytes = int(self._read()["picture_bytes"])

    def measure(self) -> dict[str, dict[str, float]]:
        """Run one round."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(STOP_S * len(PYTHONS))

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the measured processes ended")
        found: dict[str, Any] = json.loads(line)
        return found


def compare(trees: Sequence[Tree], rounds: int) -> list[dict[str, dict[str, float]]]:
    """Measure the trees in turn; return the medians of each."""
    found: list[list[dict[str, dict[str, float]]]] = [[] for _ in trees]
    for number in range(rounds):
        order = list(enumerate(trees))
        for index, tree in order if number % 2 else reversed(order):
            found[index].append(tree.measure())
    return [
        {load: {key: statistics.median(each[load][key] for each in rows) for key in rows[0][load]} for load in rows[0]}
        for rows in found
    ]


def total_ms(row: dict[str, float]) -> float:
    """Return the CPU milliseconds a frame of all processes."""
    return sum(row[name] for name in ("client", "broker", *PYTHONS))


def print_table(names: Sequence[str], found: Sequence[dict[str, dict[str, float]]], title: str) -> None:
    """Print the medians."""
    table = Table(title=title)
    table.add_column("frames")
    if len(names) > 1:
        table.add_column("checkout")
    for name in ("client", "broker", "controller", "nodes", "all", "p50 ms", "p99 ms", "a second"):
        table.add_column(name, justify="right")
    for load in found[0]:
        for name, rows in zip(names, found, strict=True):
            row = rows[load]
            nodes = sum(row[node] for node in NODES)
            cells = [row["client"], row["broker"], row["controller"], nodes, total_ms(row)]
            cells_text = [f"{cell:.3f}" for cell in cells]
            which = [name] if len(names) > 1 else []
            table.add_row(
                load, *which, *cells_text, f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{row['rate']:.0f}"
            )
    Console(width=140).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load in a round")
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--flames", type=Path, help="a directory for py-spy's flame graphs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve_rounds(given.seconds, given.flames))
        return
    names, directories = ["this"], [Path.cwd()]
    if given.against:
        names, directories = ["this", "other"], [Path.cwd(), given.against]
    trees = [
        Tree(directory, given.seconds, given.flames if name == "this" else None)
        for name, directory in zip(names, directories, strict=True)
    ]
    try:
        found = compare(trees, given.rounds)
    finally:
        for tree in trees:
            tree.close()
    if given.json:
        print(json.dumps(dict(zip(names, found, strict=True))))
    else:
        size = trees[0].picture_bytes / 1e3
        print_table(names, found, f"CPU ms a frame of {size:.0f} KB by process, medians of {given.rounds} rounds")


if __name__ == "__main__":
    main()
