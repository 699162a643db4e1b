"""One run: a cluster, its load, its faults, its record."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from cli.connection import open_cluster
from tests.chaos.cluster import ChaosCluster, run_cluster
from tests.chaos.course import CAMERAS, Course
from tests.chaos.load import Load
from tests.chaos.record import Record
from tests.chaos.schedule import Fault

SETTLE_S = 60.0
GRACE_S = 5.0


Clock = Callable[[], float]  # seconds from the start of the run


async def run(
    course: Course,
    *,
    log: Path,
    say: Callable[[str], None],
    watch: Callable[[ChaosCluster, Record, Clock], Awaitable[None]] | None = None,
) -> Record:
    """Run once and return what was seen; ``watch`` looks on until the run is over."""
    seconds = course.seconds
    record = Record(course.seed, seconds, CAMERAS)
    with run_cluster(course, log=log) as cluster:
        async with open_cluster(cluster.told["context"]) as client:
            started = time.monotonic()

            def clock() -> float:
                return time.monotonic() - started

            load = Load(client, record, clock, course.pace)
            await load.add_cameras()
            await load.settle(nodes=course.nodes, controllers=course.controllers, within=SETTLE_S)
            record.recovered_s = None
            started = time.monotonic()
            faults = course.choose(cluster.told["nodes"], cluster.controllers)
            async with asyncio.TaskGroup() as group:
                watching = [group.create_task(each) for each in (load.listen(), load.collect(), load.look())]
                if watch is not None:
                    watching.append(group.create_task(watch(cluster, record, clock)))
                asking = group.create_task(load.ask())
                submitting = group.create_task(load.submit(seconds - 2.0))
                for fault in faults:
                    await _until(clock, fault.at)
                    say(f"{fault.at:6.1f} s  {fault}")
                    record.faults.append(fault)
                    group.create_task(_strike(cluster, fault))
                await _until(clock, seconds)
                asking.cancel()
                await _finish(load, course, say)
                submitting.cancel()
                for task in watching:
                    task.cancel()
            record.length = clock()
            await load.read_outcomes()
    return record


async def _finish(load: Load, course: Course, say: Callable[[str], None]) -> None:
    """Wait until all is well and quiet; where that does not come, the verdict will say so."""
    try:
        await load.settle(nodes=course.nodes, controllers=course.controllers, within=SETTLE_S)
        await load.wind_up(within=SETTLE_S)
    except TimeoutError:
        say("time is up, and not everything is well")


async def _strike(cluster: ChaosCluster, fault: Fault) -> None:
    """Do what the fault says, and undo it where it is a freeze."""
    if not fault.lasts_s:
        await asyncio.to_thread(cluster.signal, fault.targets, signal.SIGKILL)
        return
    await asyncio.to_thread(cluster.signal, fault.targets, signal.SIGSTOP)
    await asyncio.sleep(fault.lasts_s)
    await asyncio.to_thread(cluster.signal, fault.targets, signal.SIGCONT)


async def _until(clock: Clock, at: float) -> None:
    await asyncio.sleep(max(0.0, at - clock()))
