"""Three nodes, one six times slower: Bramble's dispatch beside a NATS queue group, in the same run, interleaved.

    python -m benchmarks.unequal_nodes [--seconds 20] [--json]

Must hold: throughput at least 90 % of what the three can do together, p99 within 2.5 times the slow node's own time.
The queue group's workers do the same work in the same times; NATS hands each message to a random one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import MODEL, run_cluster
from benchmarks.load import Measured, arrive, saturate
from benchmarks.picture import make_picture
from wire import subjects
from wire.bus import Bus, Received

SECONDS = (0.05, 0.05, 0.3)
SLOTS = 2
ROUNDS = 3
QUEUE_GROUP = "queue-group.bench"


@dataclass(frozen=True, slots=True)
class Row:
    """One policy under one load: medians over the rounds."""

    policy: str
    load: str
    share: float  # of the capacity
    p50_x: float  # latency, in times of the slow node's own time
    p99_x: float
    failed: int


async def start_queue_group(bus: Bus) -> None:
    """Subscribe one worker a node to a queue group; each works off its messages one after another."""
    for seconds in SECONDS:

        async def work(message: Received, seconds: float = seconds) -> None:
            await asyncio.sleep(seconds)
            await bus.data.publish(message.reply, b"{}")

        await bus.data.subscribe(QUEUE_GROUP, work, queue="workers", max_pending=65_536)


async def measure(seconds: float) -> list[Row]:
    """Run the rounds."""
    capacity = sum(1 / each for each in SECONDS)
    slow = max(SECONDS)
    picture = make_picture(640, 480)
    ours = subjects.INFER.build(model=MODEL)
    found: dict[tuple[str, str], list[Measured]] = {}
    async with run_cluster(SECONDS) as bus:
        await start_queue_group(bus)
        span = seconds / (2 * ROUNDS)
        for seed in range(ROUNDS):
            for policy, subject in (("bramble", ours), ("queue group", QUEUE_GROUP)):
                window = SLOTS * len(SECONDS)
                full = await saturate(bus, subject, picture, window=window, seconds=span)
                found.setdefault((policy, "saturated"), []).append(full)
                half = await arrive(bus, subject, picture, rate=0.5 * capacity, seconds=span, seed=seed)
                found.setdefault((policy, "half load, random arrivals"), []).append(half)
    return [
        Row(
            policy=policy,
            load=load,
            share=statistics.median(m.rate for m in rounds) / capacity,
            p50_x=statistics.median(m.at(0.50) for m in rounds) / slow,
            p99_x=statistics.median(m.at(0.99) for m in rounds) / slow,
            failed=sum(m.failed for m in rounds),
        )
        for (policy, load), rounds in found.items()
    ]


def print_rows(rows: list[Row]) -> None:
    """Print the rows as a table."""
    nodes = " + ".join(f"{each * 1e3:g}" for each in SECONDS)
    table = Table(title=f"Unequal nodes ({nodes} ms a frame), medians of {ROUNDS} rounds")
    for name in ("policy", "load", "of capacity", "p50 / slow node", "p99 / slow node", "failed"):
        table.add_column(name, justify="left" if name in ("policy", "load") else "right")
    for row in rows:
        table.add_row(
            row.policy, row.load, f"{row.share:.0%}", f"{row.p50_x:.2f}x", f"{row.p99_x:.2f}x", str(row.failed)
        )
    Console().print(table)


def main() -> None:
    """Measure, print, and exit with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load for each policy")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.seconds))
    if options.json:
        print(json.dumps([{name: getattr(row, name) for name in Row.__slots__} for row in rows]))
    else:
        print_rows(rows)
    full = next(row for row in rows if (row.policy, row.load) == ("bramble", "saturated"))
    missed = full.share < 0.9 or full.p99_x > 2.5 or full.failed or math.isnan(full.share)  # noqa: PLR2004 - the bounds
    raise SystemExit(int(bool(missed)))


if __name__ == "__main__":
    main()
