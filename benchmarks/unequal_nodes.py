"""Four nodes of 40 to 300 ms a frame: Bramble's dispatch beside a NATS queue group and a JetStream pull consumer.

    python -m benchmarks.unequal_nodes [--seconds 20] [--json FILE]

Frames arrive at random (Poisson) at 28, 57 and 79 % of what the four can do together, at the three policies in turn,
at each with the same arrivals. Must hold for Bramble: p99 at most 280, 330 and 600 ms, nothing failed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import MODEL, NodeSpec, make_manifest, open_cluster
from benchmarks.harness.load import Ask
from benchmarks.harness.record import write_record
from benchmarks.load import Measured, arrive, ask_subject
from benchmarks.peers.nats_workers import run_pull, run_queue_group
from benchmarks.picture import make_picture
from wire import subjects

SECONDS = (0.04, 0.06, 0.12, 0.3)
LOADS = {0.28: 280.0, 0.57: 330.0, 0.79: 600.0}
"""Shares of the capacity, and what p99 must not exceed there, in milliseconds."""
ROUNDS = 3
OURS = "bramble"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One policy under one load: medians over the rounds, in milliseconds."""

    policy: str
    load: float  # of the capacity
    p50_ms: float
    p95_ms: float
    p99_ms: float
    frames: int
    failed: int


async def measure(seconds: float) -> list[Row]:
    """Run the rounds; ``seconds`` of each load for each policy in each."""
    capacity = sum(1 / each for each in SECONDS)
    picture = make_picture(640, 480)
    found: dict[tuple[str, float], list[Measured]] = {}
    async with AsyncExitStack() as stack:
        specs = [NodeSpec(f"node-{number}", each) for number, each in enumerate(SECONDS, 1)]
        bench = await stack.enter_async_context(open_cluster(specs))
        await bench.cluster.add_model(make_manifest())
        await bench.wait_ready(MODEL, len(SECONDS))
        url = bench.broker.context.url
        policies: dict[str, Ask] = {
            OURS: ask_subject(bench.bus, subjects.INFER.build(model=MODEL)),
            "JetStream pull": await stack.enter_async_context(run_pull(url, SECONDS)),
            "queue group": await stack.enter_async_context(run_queue_group(url, SECONDS)),
        }
        for seed in range(ROUNDS):
            for load in LOADS:
                for policy, ask in policies.items():
                    print(f"round {seed + 1} of {ROUNDS}: {policy} at {load:.0%}", file=sys.stderr, flush=True)
                    seen = await arrive(ask, picture, rate=load * capacity, seconds=seconds, seed=seed)
                    found.setdefault((policy, load), []).append(seen)
    return [
        Row(
            policy=policy,
            load=load,
            p50_ms=statistics.median(m.at(0.50) for m in rounds) * 1e3,
            p95_ms=statistics.median(m.at(0.95) for m in rounds) * 1e3,
            p99_ms=statistics.median(m.at(0.99) for m in rounds) * 1e3,
            frames=sum(m.answered for m in rounds),
            failed=sum(m.failed for m in rounds),
        )
        for (policy, load), rounds in found.items()
    ]


def print_rows(rows: list[Row]) -> None:
    """Print the rows as a table."""
    nodes = "/".join(f"{each * 1e3:g}" for each in SECONDS)
    table = Table(title=f"Unequal nodes ({nodes} ms a frame), random arrivals, medians of {ROUNDS} rounds")
    for name in ("policy", "load", "p50, ms", "p95", "p99", "p99 must hold", "frames", "failed"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for row in rows:
        bound = f"{LOADS[row.load]:.0f}" if row.policy == OURS else ""
        latencies = (f"{each:.0f}" for each in (row.p50_ms, row.p95_ms, row.p99_ms))
        table.add_row(row.policy, f"{row.load:.0%}", *latencies, bound, str(row.frames), str(row.failed))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def find_missed(rows: list[Row]) -> list[str]:
    """Return what does not hold, in words."""
    missed = []
    for row in rows:
        if row.policy != OURS:
            continue
        if row.failed:
            missed.append(f"{row.failed} frames failed at {row.load:.0%}")
        if row.p99_ms > LOADS[row.load]:
            missed.append(f"p99 at {row.load:.0%} is {row.p99_ms:.0f} ms, above {LOADS[row.load]:.0f}")
    return missed


def main() -> None:
    """Measure, print, and exit with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load, for each policy, in each round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.seconds))
    if options.json:
        write_record(options.json, "unequal_nodes", rows, {})
    print_rows(rows)
    missed = find_missed(rows)
    print("\n".join(f"missed: {each}" for each in missed) or "all that must hold does")
    raise SystemExit(int(bool(missed)))


if __name__ == "__main__":
    main()
