"""The job with nothing around it: loops in one and in two processes, to hold everything else against.

``python -m benchmarks.frame_path.bare`` is one of the loops: it reads seconds, a line each, and writes what it did.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from benchmarks.frame_path.contender import WORKERS
from benchmarks.frame_path.job import make_frame, open_job
from benchmarks.frame_path.meter import Meter
from benchmarks.harness.quantiles import Quantiles, summarise


class Bare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one loop did, or several at the same time: the rates added up, the rest of the mean loop."""

    rate: float  # frames a second
    cpu_ms: float  # a frame
    latency: Quantiles


class BareLoops:
    """The processes, ready."""

    def __init__(self, processes: list[subprocess.Popen[bytes]]) -> None:
        self._processes = processes

    def run(self, workers: int, seconds: float) -> Bare:
        """Run so many loops at the same time."""
        chosen = self._processes[:workers]
        for process in chosen:
            _stream(process.stdin).write(f"{seconds}\n".encode())
            _stream(process.stdin).flush()
        found = [msgspec.json.decode(_stream(process.stdout).readline(), type=Bare) for process in chosen]
        return Bare(
            rate=sum(each.rate for each in found),
            cpu_ms=sum(each.cpu_ms for each in found) / workers,
            latency=found[0].latency,
        )


@contextmanager
def open_bare() -> Iterator[BareLoops]:
    """Start the processes, which wait without using a processor."""
    with ExitStack() as stack:
        processes = []
        for _ in range(WORKERS):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "benchmarks.frame_path.bare"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            stack.callback(_end, process)
            processes.append(process)
        loops = BareLoops(processes)
        loops.run(WORKERS, 0.5)  # warm
        yield loops


def _end(process: subprocess.Popen[bytes]) -> None:
    _stream(process.stdin).close()
    process.wait(10)
    _stream(process.stdout).close()


def _stream(stream: object) -> BinaryIO:
    assert stream is not None  # both were asked for
    return stream  # type: ignore[return-value]


def loop() -> None:
    """Serve standard input."""
    with tempfile.TemporaryDirectory() as directory:
        job, picture = open_job(Meter(Path(directory))), make_frame()
        for line in sys.stdin:
            latencies = []
            cpu = time.process_time()
            end = time.perf_counter() + float(line)
            while (now := time.perf_counter()) < end:
                job(picture)
                latencies.append(time.perf_counter() - now)
            cpu = time.process_time() - cpu
            found = Bare(
                rate=len(latencies) / sum(latencies), cpu_ms=cpu / len(latencies) * 1e3, latency=summarise(latencies)
            )
            sys.stdout.write(msgspec.json.encode(found).decode("ascii") + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    loop()
