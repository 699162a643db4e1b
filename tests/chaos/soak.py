"""``python -m tests.chaos.soak``: hours under a gentle load with few faults; does anything grow?"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.chaos.cluster import Target
from tests.chaos.course import Clock, Course, Pace
from tests.chaos.growth import HOUR_S, Life, Sample, judge_growth
from tests.chaos.load import MODEL
from tests.chaos.record import Record
from tests.chaos.run import run
from tests.chaos.schedule import BROKER, Fault, Kind
from tests.chaos.server_heap import HEAP, watch_heap
from tests.chaos.soak_report import to_html, to_markdown
from tests.chaos.verdict import judge
from wire.logs import configure_logging

SAMPLE_S = 10.0
REPORT_EVERY = 60  # samples: a run that is cut short leaves a report of what it saw
GENTLE = Pace(camera_fps=1, ask_every_s=2.0, submit_every_s=10.0, look_every_s=60.0, change_every_s=60.0)
NODES, CONTROLLERS = 3, 2


def choose_faults(seconds: float, agents: Sequence[str], controllers: Sequence[str]) -> tuple[Fault, ...]:
    """Return few faults far apart. The first agent, the first controller and the broker are never killed.

    So their processes last the whole run, through everybody's reconnecting. The controller dies early, so that the
    cameras have found their owners when memory is first compared.
    """
    return (
        Fault(0.05 * seconds, Kind.KILL_CONTROLLER, (controllers[-1],)),
        Fault(0.10 * seconds, Kind.KILL_AGENT, (agents[-1],)),
        Fault(0.45 * seconds, Kind.FREEZE_BROKER, (BROKER,), 3.0),
        Fault(0.60 * seconds, Kind.FREEZE_AGENT, (agents[1],), 8.0),
        Fault(0.75 * seconds, Kind.KILL_AGENT, (agents[-1],)),
    )


def look_at(processes: Iterable[tuple[str, psutil.Process]], lives: dict[tuple[int, float], Life], at: float) -> None:
    """Add a sample of every process to its life; a pid that was given out again is another life."""
    for program, process in processes:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess), process.oneshot():
            used = process.cpu_times()
            sample = Sample(at, process.memory_info().rss, process.num_fds(), used.user + used.system)
            key = process.pid, process.create_time()
            lives.setdefault(key, Life(program, process.pid)).samples.append(sample)


def watch_growth(
    lives: dict[tuple[int, float], Life], loads: list[float], tell: Callable[[Record], object]
) -> Callable[[Target, Record, Clock], Awaitable[None]]:
    """Return what samples every process until it is cancelled, and ``tell``s now and then."""

    async def watch(cluster: Target, record: Record, clock: Clock) -> None:
        def take(seen: Sample) -> None:
            lives.setdefault((0, 0.0), Life(HEAP, 0)).samples.append(seen)

        async with asyncio.TaskGroup() as group:
            group.create_task(watch_heap(cluster, clock, take), name="watch-heap")
            await sample(cluster, record, clock)

    async def sample(cluster: Target, record: Record, clock: Clock) -> None:
        for number in range(1, sys.maxsize):
            await asyncio.to_thread(look_at, cluster.processes(), lives, clock())
            loads.append(os.getloadavg()[0])
            if number % REPORT_EVERY == 0:
                record.length = clock()
                tell(record)
            await asyncio.sleep(max(0.0, number * SAMPLE_S - clock()))

    return watch


def main() -> int:
    """Soak, report, and return 1 where something grew or broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    found = parser.parse_args()
    configure_logging("critical", journal=True)
    found.out.mkdir(parents=True, exist_ok=True)
    seconds = found.hours * HOUR_S
    lives: dict[tuple[int, float], Life] = {}
    loads: list[float] = []

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def write(record: Record, *, ended: bool = False) -> bool:
        findings = (*judge_growth([*lives.values()]), *(judge(record) if ended else ()))
        told = to_markdown(record, [*lives.values()], findings, loads, ended=ended)
        (found.out / "report.md").write_text(told, "utf-8")
        (found.out / "report.html").write_text(to_html(record, [*lives.values()], findings, ended=ended), "utf-8")
        if ended:
            print(told)
        return all(each.held for each in findings)

    def choose(agents: Sequence[str], controllers: Sequence[str]) -> tuple[Fault, ...]:
        return choose_faults(seconds, agents, controllers)

    course = Course(0, seconds, choose, nodes=NODES, controllers=CONTROLLERS, pace=GENTLE, models=(MODEL,))
    watch = watch_growth(lives, loads, write)
    record = asyncio.run(run(course, log=found.out / "cluster.log", say=say, watch=watch))
    held = write(record, ended=True)
    say(f"the report with its picture is {found.out / 'report.html'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
