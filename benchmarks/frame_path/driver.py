"""The process that asks one contender: ``python -m benchmarks.frame_path.driver NAME DIRECTORY``.

Everything of the contender descends from it, so that what the contender costs is what this tree costs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO

import msgspec
import uvloop

from benchmarks.frame_path import meter
from benchmarks.frame_path.contender import CONTENDERS, Contender, Site
from benchmarks.frame_path.job import make_frame
from benchmarks.frame_path.orders import Found, Order, Ready
from benchmarks.harness.load import Load, Seen
from benchmarks.harness.processes import CpuMeter, memory_bytes
from benchmarks.harness.quantiles import summarise

FIRST_S = 60.0
POLL_S = 0.02
MAX_FAILURES = 5


async def drive(contender: Contender, directory: Path, out: BinaryIO) -> None:
    """Start the contender, ask it once, then take orders until the input ends."""
    meters = Path(os.environ[meter.DIRECTORY])
    picture = make_frame()
    loop = asyncio.get_running_loop()
    async with contender.open(Site(directory, sys.executable)) as ask:
        said = await asyncio.wait_for(ask(picture), FIRST_S)
        _write(out, Ready(said=str(said)[:500]))
        load = Load(ask, picture)
        cpu = CpuMeter()
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            _write(out, await carry_out(msgspec.json.decode(line, type=Order), load, cpu, meters))


async def carry_out(order: Order, load: Load, cpu: CpuMeter, meters: Path) -> Found:
    """Lay on one load."""
    killing = asyncio.create_task(_kill_one(meters, order.kill_after_s)) if order.kill_after_s else None
    worked, spent, started = meter.read_sum(meters), cpu.read(), time.perf_counter()
    if order.window:
        seen = await load.keep(order.window, order.seconds)
    elif order.rate:
        seen = await load.arrive(order.rate, order.seconds, order.seed)
    else:
        await asyncio.sleep(order.seconds)
        seen = Seen()
    spent, took = cpu.read() - spent, time.perf_counter() - started
    done = meter.read_sum(meters) - worked
    back_s = await killing if killing else None
    return Found(
        answered=len(seen.latencies_s),
        asked=seen.asked,
        failed=seen.failed,
        failures=tuple(seen.failures[:MAX_FAILURES]),
        seconds=_count_seconds(order, seen, took),
        latency=summarise(seen.latencies_s),
        cpu_s=spent,
        job_frames=done.frames,
        job_cpu_s=done.cpu_s,
        job_wall_s=done.wall_s,
        memory_bytes=memory_bytes(os.getpid()),
        back_s=back_s,
    )


def _count_seconds(order: Order, seen: Seen, took: float) -> float:
    return order.seconds if seen.late else min(order.seconds, took)


async def _kill_one(meters: Path, after_s: float, *, within: float = 20.0) -> float | None:
    """Kill a worker, and return how long it took until a process that had had no frame yet began its first."""
    await asyncio.sleep(after_s)
    before = meter.read_workers(meters)
    living = [pid for pid in before if _lives(pid)]
    victim = max(living, key=lambda pid: before[pid].frames)
    killed_at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while time.monotonic() < killed_at + within:
        for worked in meter.read_workers(meters).values():
            if worked.first_at > killed_at:
                return worked.first_at - killed_at
        await asyncio.sleep(POLL_S)
    return None


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _write(out: BinaryIO, message: msgspec.Struct) -> None:
    out.write(msgspec.json.encode(message) + b"\n")
    out.flush()


def main(name: str, directory: str) -> None:
    """Run until the input ends. Whatever a contender prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    contender = CONTENDERS[name]
    work = drive(contender, Path(directory), out)
    if contender.uvloop:
        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
