"""How much of their sum several nodes give, and pipelines of their slowest stage: real agents and a real model.

    python -m benchmarks.scaling [--seconds 8] [--json FILE]

Nodes are alike, each with a part of one processor by a cgroup quota. Replicas are held against one node's rate times
their number, measured in the same run; pipelines against the bound that their slowest stage and link set, as planned
from the nodes' profiles. Must hold: 3 replicas 95 %, 5 replicas 92 %, pipelines 90 %.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness.record import write_record
from benchmarks.plan_accuracy import Setup, try_cluster

SHARE = 0.15
REPLICAS = {"one node": 1, "three replicas": 3, "five replicas": 5}
PIPELINES = {"pipeline of two": 2, "pipeline of three": 3, "pipeline of five": 5}
BOUNDS = {"three replicas": 0.95, "five replicas": 0.92, **dict.fromkeys(PIPELINES, 0.9)}


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


async def measure(model: str, seconds: float) -> AsyncIterator[Share]:
    """Run all layouts, one node first; each is told as soon as it is known, since all take some ten minutes."""
    one = 0.0
    for name, count in REPLICAS.items():
        row = await try_cluster(name, Setup((SHARE,) * count, stages=1), model, seconds)
        one = one or row.measured_s
        yield Share(name, row.measured_s, one * count, row.failed)
    for name, count in PIPELINES.items():
        row = await try_cluster(name, Setup((SHARE,) * count, stages=count), model, seconds)
        yield Share(name, row.measured_s, row.predicted_s, row.failed)


async def run(model: str, seconds: float) -> list[Share]:
    """Measure, and tell each layout as it comes."""
    found = []
    async for each in measure(model, seconds):
        found.append(each)
        print(f"{each.layout}: {each.share:.0%}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, print, and exit with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--seconds", type=float, default=8.0, help="of load for each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    found = asyncio.run(run(options.model, options.seconds))
    if options.json:
        rows = [asdict(each) | {"share": each.share, "bound": BOUNDS.get(each.layout)} for each in found]
        write_record(options.json, "scaling", rows, {})
    table = Table(title=f"{options.model} on nodes with {SHARE:.0%} of a processor each")
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
