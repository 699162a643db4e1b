"""What people wait for: a command, a local cluster, an agent, a model, a camera, a plan, each from nothing.

    python -m benchmarks.cold_paths [--rounds 3] [--json FILE]

Models are built beforehand, and files are in the machine's memory. Agents run the real runtime. Beside the seconds
stands how often Python itself starts in that time (``python -c pass``, in the same round): seconds on a busy machine
say little.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import BenchCluster, NodeSpec, open_cluster
from benchmarks.frame_path.job import MODEL, build_job, find_library, load_job
from benchmarks.harness.record import write_record
from benchmarks.picture import make_picture
from cli.local.local_cluster import LocalSpec, run_local
from cli.push import push_model
from controller.cameras.framing import PictureSent
from controller.cameras.nursery import Nursery
from controller.cameras.source import parse_source
from controller.cameras.spec import ReaderSpec
from controller.planning import Node, Objective, Problem, Workload, make_plan
from models.recipes import fetch_clip
from wire.headers import InferOptions
from wire.status import ClusterStatus

PYTHON = "python, doing nothing"
PLANNED = (20, 200, 1000)
NODES = 3
CAMERAS = 6
SEGMENTS = 40
MB = 1_000_000
TRIES = 3


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One cold path: the median and the extremes of the rounds, in seconds."""

    path: str
    median_s: float
    least_s: float
    most_s: float
    pythons: float  # the median, in starts of Python


def time_call(do: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def time_command(*arguments: str) -> float:
    """Return how long a command of Python's takes, the median of three."""
    command = [sys.executable, "-P", *arguments]
    return statistics.median(
        time_call(lambda: subprocess.run(command, check=True, capture_output=True, timeout=60)) for _ in range(TRIES)
    )


async def time_local() -> tuple[float, float]:
    """Return how long the demo's cluster takes until it is ready, and until its first answer."""
    library = find_library()
    spec = LocalSpec(nodes=NODES, manifests=(build_job(library),), library=library)
    picture = make_picture(640, 480)
    started = time.perf_counter()
    async with run_local(spec, lambda _line: None) as local:
        ready = time.perf_counter() - started
        await local.cluster.infer(MODEL, picture, InferOptions(deadline_ms=10_000))
        return ready, time.perf_counter() - started


@asynccontextmanager
async def run_cluster() -> AsyncIterator[BenchCluster]:
    """Run a cluster that knows the model and has no node."""
    library = find_library()
    async with open_cluster([]) as bench:
        await push_model(bench.cluster, build_job(library), library, lambda _line: None, key=None)
        yield bench


async def time_agent() -> dict[str, float]:
    """Return how long an agent takes to be heard of and to serve, the first time and once it has proved the model."""
    found = {}
    real = ("--backends", "litert", "--threads", "1")
    async with run_cluster() as bench:
        for number, which in enumerate(("first start", "start after that")):
            spec = NodeSpec(f"node-{number}", arguments=real)  # all nodes here share a cache
            started = time.perf_counter()
            bench.start_node(spec)
            await bench.wait_for(partial(_has, spec.name))
            found[f"agent, {which}: heard of"] = time.perf_counter() - started
            await bench.wait_ready(MODEL, number + 1)
            found[f"agent, {which}: serves"] = time.perf_counter() - started
    return found


def _has(node: str, status: ClusterStatus) -> bool:
    return any(each.node == node for each in status.nodes)


async def time_cameras(clip: Path) -> dict[str, float]:
    """Return how long it takes from nothing to a camera's first picture, and then to those of more, all at once."""
    async with aclosing(Nursery()) as nursery, AsyncExitStack() as stack:
        spec = ReaderSpec(parse_source(str(clip)))

        async def see() -> None:
            child = await stack.enter_async_context(nursery.running_reader(spec, str))
            async for message in child.messages():
                if isinstance(message, PictureSent):
                    return

        started = time.perf_counter()
        await see()
        first = time.perf_counter()
        await asyncio.gather(*(see() for _ in range(CAMERAS)))
        return {
            "a camera: first picture": first - started,
            f"{CAMERAS} more at once: first pictures": time.perf_counter() - first,
        }


def make_problem(nodes: int) -> Problem:
    """Return a model of 40 segments and nodes of four speeds, of which every second one can hold all of it."""
    random = np.random.default_rng(5)
    weights = tuple(int(size) for size in random.integers(MB // 10, 3 * MB, SEGMENTS))
    whole = sum(weights) + MB
    work = Workload(
        model="net",
        cuts=tuple(range(SEGMENTS + 1)),
        crossing_bytes=(88_000, *(100_000,) * (SEGMENTS - 1), 4_000),
        weight_bytes=weights,
        arena_bytes=(MB,) * SEGMENTS,
    )
    base = random.uniform(0.001, 0.01, SEGMENTS)
    members = tuple(
        Node(
            name=f"n{number}",
            memory_bytes=whole if number % 2 else int(whole * random.uniform(0.3, 0.9)),
            seconds=tuple(float(each) for each in base * (1, 2, 4, 7)[number % 4]),
        )
        for number in range(nodes)
    )
    return Problem(workload=work, nodes=members)


def run_round() -> Iterator[tuple[str, float]]:
    """Time every path once."""
    yield PYTHON, time_command("-c", "pass")
    yield "bramble --version", time_command("-m", "cli.main", "--version")
    yield "model load", time_call(load_job)
    yield from asyncio.run(time_agent()).items()
    ready, answered = asyncio.run(time_local())
    yield f"bramble local, {NODES} agents: ready", ready
    yield f"bramble local, {NODES} agents: first answer", answered
    yield from asyncio.run(time_cameras(fetch_clip(find_library(), lambda _line: None))).items()
    for nodes in PLANNED:
        problem = make_problem(nodes)
        yield f"plan, {nodes} nodes", time_call(partial(make_plan, problem, Objective.THROUGHPUT))


def summarise(rounds: list[dict[str, float]]) -> list[Row]:
    """Fold the rounds."""
    rows = []
    for path in rounds[0]:
        seconds = [each[path] for each in rounds]
        rows.append(
            Row(
                path=path,
                median_s=statistics.median(seconds),
                least_s=min(seconds),
                most_s=max(seconds),
                pythons=statistics.median(each[path] / each[PYTHON] for each in rounds),
            )
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        rounds.append(dict(run_round()))
    rows = summarise(rounds)
    if options.json:
        write_record(options.json, "cold_paths", rows, rounds)
    table = Table(title=f"From nothing: medians of {options.rounds} rounds")
    for name in ("path", "seconds", "least", "most", "in starts of Python"):
        table.add_column(name, justify="left" if name == "path" else "right")
    for row in rows:
        table.add_row(
            row.path, *(f"{each:.3f}" for each in (row.median_s, row.least_s, row.most_s)), f"{row.pythons:.1f}"
        )
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    main()
