"""One run: a cluster, its load, its faults, its record."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

from cli.connection import open_cluster
from tests.chaos.cluster import Target, open_local
from tests.chaos.course import CAMERAS, Clock, Course
from tests.chaos.guests import Ways, run_guests
from tests.chaos.load import Load
from tests.chaos.record import Record, Strike
from tests.chaos.schedule import CUTS, Fault, Kind
from tests.chaos.wiretap import tap

ENDINGS = {Kind.RETIRE_LEADER: signal.SIGUSR2}  # as systemd ends a server of several
SETTLE_S = 60.0
CALM_S = 15.0  # after the last fault of a run that has no length of its own

Opener = Callable[[Course, Path], AbstractAsyncContextManager[Target]]
Watch = Callable[[Target, Record, Clock], Awaitable[None]]


async def run(
    course: Course, *, log: Path, say: Callable[[str], None], watch: Watch | None = None, opened: Opener = open_local
) -> Record:
    """Run once, on what ``opened`` gives, and return what was seen; ``watch`` looks on until the run is over."""
    record = Record(course.seed, course.seconds, CAMERAS)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(opened(course, log))
        ways = await stack.enter_async_context(run_guests(cluster, log.parent)) if course.guests else {}
        client = await stack.enter_async_context(open_cluster(cluster.told["context"]))
        started = time.monotonic()

        def clock() -> float:
            return time.monotonic() - started

        load = Load(client, record, clock, course.pace)
        await load.add_cameras()
        await load.settle(nodes=course.all_nodes, controllers=course.all_controllers, within=SETTLE_S)
        record.recovered_s = None
        started = time.monotonic()
        faults = course.choose(cluster.told["nodes"], cluster.controllers)
        seconds = record.seconds = course.seconds or max(fault.until for fault in faults) + CALM_S
        async with asyncio.TaskGroup() as group:
            looking = [load.listen(), load.collect(), load.look(), *_watchers(course, cluster, record, clock, watch)]
            watching = [group.create_task(each) for each in looking]
            asking = [group.create_task(each) for each in (load.ask(), load.change())]
            submitting = group.create_task(load.submit(seconds - 2.0))
            for fault in faults:
                await _until(clock, fault.at)
                say(f"{fault.at:6.1f} s  {fault}")
                record.faults.append(fault)
                group.create_task(_strike(cluster, ways, fault, record, clock))
            await _until(clock, seconds)
            for task in asking:
                task.cancel()
            await _finish(load, course, say)
            for task in (submitting, *watching):
                task.cancel()
        record.length = clock()
        await load.read_outcomes()
    return record


def _watchers(
    course: Course, cluster: Target, record: Record, clock: Clock, watch: Watch | None
) -> Iterator[Coroutine[Any, Any, None]]:
    if watch is not None:
        yield watch(cluster, record, clock)
    if course.tapped:
        yield tap(Path(cluster.told["access"]), cluster.told["url"], record, clock)


async def _finish(load: Load, course: Course, say: Callable[[str], None]) -> None:
    """Wait until all is well and quiet; where that does not come, the verdict will say so."""
    try:
        await load.settle(nodes=course.all_nodes, controllers=course.all_controllers, within=SETTLE_S)
        await load.wind_up(within=SETTLE_S)
    except TimeoutError:
        say("time is up, and not everything is well")


async def _strike(cluster: Target, ways: Ways, fault: Fault, record: Record, clock: Clock) -> None:
    """Do what the fault says, undo it where it lasts, and take down when that was."""
    if fault.kind in CUTS:
        for target in fault.targets:
            ways[target].cut()
    else:
        number = signal.SIGSTOP if fault.lasts_s else ENDINGS.get(fault.kind, signal.SIGKILL)
        await asyncio.to_thread(cluster.signal, fault.targets, number)
    at = clock()
    await asyncio.sleep(fault.lasts_s)
    if fault.kind in CUTS:
        for target in fault.targets:
            ways[target].heal()
    elif fault.lasts_s:
        await asyncio.to_thread(cluster.signal, fault.targets, signal.SIGCONT)
    record.strikes.append(Strike(fault, at, clock()))


async def _until(clock: Clock, at: float) -> None:
    await asyncio.sleep(max(0.0, at - clock()))
