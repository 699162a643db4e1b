"""Cameras in, results out: streams a core, frame-to-result latency, and who is left out when nodes are too slow.

    python -m benchmarks.cameras [--seconds 8] [--json FILE]

Test cameras send 720p at 10 frames a second, as H.264 over RTSP or as JPEGs over HTTP, from a process of their own. A
real controller with its camera processes decodes, encodes and dispatches; two agents play a model. Latency is from the
moment that the camera process has the frame to the result's arrival at whoever listens. Where the nodes are too slow by
half, newer frames must replace older ones that wait: latency stays, and the ledger adds up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import MODEL, BenchCluster, NodeSpec, make_manifest, open_cluster
from benchmarks.camera_server import FPS
from benchmarks.harness.processes import CpuMeter
from benchmarks.harness.quantiles import Quantiles, summarise
from benchmarks.harness.record import write_record
from cli.cluster import Results
from wire.cameras import CameraConfig
from wire.messages import Counts
from wire.status import ClusterStatus

QUICK_S = 0.005
SETTLE_S = 3.0


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What to try."""

    kind: str  # rtsp | mjpeg
    cameras: int
    node_s: float = QUICK_S  # each node's time for a frame


SETUPS = (
    Setup(kind="rtsp", cameras=1),
    Setup(kind="rtsp", cameras=4),
    Setup(kind="rtsp", cameras=8),
    Setup(kind="mjpeg", cameras=8),
    Setup(kind="rtsp", cameras=4, node_s=4 / (4 * FPS)),  # two such nodes do half of what four cameras send
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a setup."""

    setup: Setup
    offered_s: float  # frames a second, all cameras
    answered_s: float
    superseded: float  # share of the frames for which a newer one was taken
    others: float  # share that ended in any other way
    latency: Quantiles  # milliseconds, from the frame to its result
    cpu_ms: float  # of the controller and its camera processes, for a frame offered
    streams: float  # such cameras that one core carries up to the dispatch
    adds_up: bool  # all that was offered has an end, or is open


@contextmanager
def run_cameras(kind: str, count: int) -> Iterator[list[str]]:
    """Run the test cameras for the time of a ``with``; yields their URLs."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "benchmarks.camera_server", kind, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        urls: list[str] = json.loads(process.stdout.readline())
        yield urls
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


async def measure(setup: Setup, seconds: float) -> Row:
    """Try one setup on a cluster of its own."""
    specs = [NodeSpec(f"node-{number}", setup.node_s) for number in (1, 2)]
    with run_cameras(setup.kind, setup.cameras) as urls:
        async with open_cluster(specs) as bench:
            await bench.cluster.add_model(make_manifest())
            await bench.wait_ready(MODEL, len(specs))
            for number, url in enumerate(urls):
                await bench.cluster.add_camera(CameraConfig(camera=f"camera-{number}", url=url, models=(MODEL,)))
            await bench.wait_for(_all_live)
            await asyncio.sleep(SETTLE_S)
            return await _watch(bench, setup, seconds)


async def _watch(bench: BenchCluster, setup: Setup, seconds: float) -> Row:
    meter = CpuMeter(bench.processes["controller"].pid)
    async with bench.cluster.results(model=MODEL) as results:
        before, spent, started = await bench.cluster.status(), meter.read(), time.perf_counter()
        latencies = await _take(results, seconds)
        spent, took = meter.read() - spent, time.perf_counter() - started
        after = await bench.cluster.status()
    offered = _sum(after, "offered") - _sum(before, "offered")
    superseded = _superseded(after) - _superseded(before)
    inferred = _sum(after, "inferred") - _sum(before, "inferred")
    still_open = _sum(after, "open") - _sum(before, "open")
    return Row(
        setup=setup,
        offered_s=offered / took,
        answered_s=len(latencies) / took,
        superseded=superseded / offered,
        others=(offered - inferred - superseded - still_open) / offered,
        latency=summarise(latencies),
        cpu_ms=spent / offered * 1e3,
        streams=setup.cameras * took / spent,
        adds_up=all(_adds_up(camera.counts) for camera in after.cameras),
    )


async def _take(results: Results, seconds: float) -> list[float]:
    """Return the latencies of the results that come in so many seconds."""
    latencies: list[float] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            result = await asyncio.wait_for(results.next(), left)
        except TimeoutError:
            break
        latencies.append(time.time() - result.captured_at)
    return latencies


def _all_live(status: ClusterStatus) -> bool:
    return bool(status.cameras) and all(camera.phase == "live" for camera in status.cameras)


def _sum(status: ClusterStatus, field: str) -> int:
    return sum(int(getattr(camera.counts, field)) for camera in status.cameras)


def _superseded(status: ClusterStatus) -> int:
    return sum(camera.counts.dropped.get("superseded", 0) for camera in status.cameras)


def _adds_up(counts: Counts) -> bool:
    ends = counts.inferred + counts.gated + sum(counts.dropped.values()) + sum(counts.failed.values())
    return counts.offered == ends + counts.open


def print_rows(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title=f"Cameras of 720p at {FPS} frames a second")
    for name in ("cameras", "node", "frames/s", "answered/s", "superseded", "p50/95/99, ms", "CPU", "streams a core"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row.setup.cameras} {row.setup.kind}",
            f"{row.setup.node_s * 1e3:g} ms",
            f"{row.offered_s:.1f}",
            f"{row.answered_s:.1f}",
            f"{row.superseded:.0%}",
            f"{row.latency.p50:.0f}/{row.latency.p95:.0f}/{row.latency.p99:.0f}",
            f"{row.cpu_ms:.1f} ms",
            f"{row.streams:.1f}",
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main() -> None:
    """Measure, print, and exit with 1 where a ledger does not add up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each setup")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    rows = []
    for setup in SETUPS:
        print(f"{setup.cameras} {setup.kind}, {setup.node_s * 1e3:g} ms a frame", file=sys.stderr, flush=True)
        rows.append(asyncio.run(measure(setup, options.seconds)))
    if options.json:
        write_record(options.json, "cameras", rows, {})
    print_rows(rows)
    raise SystemExit(int(not all(row.adds_up for row in rows)))


if __name__ == "__main__":
    main()
