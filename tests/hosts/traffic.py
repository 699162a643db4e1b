"""Pictures and durable jobs at a steady pace, for as long as somebody holds this program's standard input.

    python -m tests.hosts.traffic --context bed --batch upgrade --node node1 --node node2 --node node3

prints ``ready`` once every node serves. When its input ends it waits for what is on its way, and prints as JSON what
became of everything. Who serves is told by the nodes' own heartbeats: that is seen while no controller is there, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.cluster import Cluster
from cli.connection import open_cluster
from cli.pictures import Picture
from cli.submission import Submission, Submitter
from wire import subjects
from wire.bus import Received
from wire.errors import BrambleError, BusError
from wire.headers import InferOptions
from wire.jobs import JobOutcome
from wire.messages import Heartbeat, Result, ShardState, decode

PICTURE = Path(__file__).parents[2] / "roles/operator/files/picture.png"
MODEL = "mobilenet_v2"
PICTURE_S = 0.25
JOB_S = 0.5
LOOK_S = 0.1
STALL_S = 1.0
SILENT_S = 5.0
"""As long without a heartbeat a node is dead to the controllers."""

DEADLINE_MS = 10_000
AGAIN_S = 0.2
TAKEN_S = 30.0
"""A lone controller is away for the moment of its own restart: a picture that nobody took is asked about again."""

READY_S = 60.0
SETTLE_S = 90.0
AT_ONCE = 64
PATIENCE_S = 60.0


@dataclass(slots=True)
class Attendance:
    """Who serves, by their own word: the fewest at once, and how long each was away at most."""

    nodes: tuple[str, ...]
    heard: dict[str, tuple[float, Heartbeat]] = field(default_factory=dict)
    fewest: int = 0
    longest_absence_s: dict[str, float] = field(default_factory=dict)
    _last_served: dict[str, float] = field(default_factory=dict)
    _looked_at: float = 0.0

    def hear(self, beat: Heartbeat, now: float) -> None:
        """Take in a heartbeat."""
        self.heard[beat.node] = (now, beat)

    def list_serving(self, now: float) -> list[str]:
        """Return who serves."""
        return [node for node in self.nodes if node in self.heard and serves(*self.heard[node], now)]

    def begin(self, now: float) -> None:
        """Count from now on, when everybody serves."""
        self.fewest, self._looked_at = len(self.nodes), now
        self._last_served = dict.fromkeys(self.nodes, now)

    def look(self, now: float) -> None:
        """Count who serves; not where this program itself stood still, and so has not heard what was said."""
        stalled, self._looked_at = now - self._looked_at > STALL_S, now
        if stalled:
            return
        serving = self.list_serving(now)
        self.fewest = min(self.fewest, len(serving))
        for node in self.nodes:
            away = now - self._last_served[node]
            self.longest_absence_s[node] = round(max(away, self.longest_absence_s.get(node, 0.0)), 1)
        self._last_served |= dict.fromkeys(serving, now)


def serves(heard_at: float, beat: Heartbeat, now: float) -> bool:
    """Tell whether a node that said this last takes pictures."""
    ready = any(report.state is ShardState.READY for report in beat.shards)
    return ready and not beat.draining and now - heard_at < SILENT_S


class Traffic:
    """What is asked of the cluster, and what came of it."""

    def __init__(self, cluster: Cluster, batch: str, directory: Path) -> None:
        self._cluster = cluster
        self._directory = directory
        self._picture = PICTURE.read_bytes()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.asked = self.jobs = 0
        self.answered: Counter[str] = Counter()  # by node
        self.again: Counter[str] = Counter()  # by reason
        self.failed: list[str] = []
        self.troubles: list[str] = []
        self.submission = Submission(batch, MODEL)
        self._submitter = Submitter(
            cluster.queue, cluster.outcomes, self.submission, ended=frozenset(), headers={}, patience_s=PATIENCE_S,
            on_step=lambda: None, on_trouble=lambda words: self.troubles.append(words) if words else None,
        )  # fmt: skip

    async def send_pictures(self, ended: asyncio.Event) -> None:
        """Ask about a picture now and now; none waits for another."""
        async with asyncio.TaskGroup() as group:
            while not await _ends_within(ended, PICTURE_S):
                await self._room.acquire()
                self.asked += 1
                group.create_task(self._ask())

    async def _ask(self) -> None:
        try:
            until = time.monotonic() + TAKEN_S
            while True:
                try:
                    result = await self._cluster.infer(MODEL, self._picture, InferOptions(deadline_ms=DEADLINE_MS))
                except BusError as error:
                    self.again[type(error).__name__] += 1
                    if time.monotonic() > until:
                        raise
                    await asyncio.sleep(AGAIN_S)
                else:
                    assert isinstance(result, Result)
                    self.answered[result.nodes[-1]] += 1
                    return
        except BrambleError as error:
            self.failed.append(f"{type(error).__name__}: {error}")
        finally:
            self._room.release()

    async def submit_jobs(self, ended: asyncio.Event) -> None:
        """Submit a job now and now."""
        while not await _ends_within(ended, JOB_S):
            path = self._directory / f"{self.jobs}.png"
            path.write_bytes(self._picture + path.name.encode())  # bytes after a picture's end make it another job
            self.jobs += 1
            await self._submitter.submit([Picture(path.name, path)])

    async def collect_outcomes(self) -> list[JobOutcome]:
        """Return the batch's outcomes, once every job has one or time is up."""
        wanted = subjects.OUTCOMES.wildcard(batch=self.submission.batch)
        deadline = time.monotonic() + SETTLE_S
        while True:
            found = (await self._cluster.outcomes.state(subjects=wanted)).subjects
            if len(found) >= len(self.submission.files) or time.monotonic() > deadline:
                break
            await asyncio.sleep(AGAIN_S)
        return [decode(stored.data, JobOutcome) async for stored in self._cluster.outcomes.read(wanted)]


def report(traffic: Traffic, attendance: Attendance, outcomes: Sequence[JobOutcome]) -> dict[str, object]:
    """Return what became of everything, as :class:`tests.hosts.meanwhile.Meanwhile` has it."""
    jobs: Mapping[str, str] = traffic.submission.files
    ends = Counter(outcome.job for outcome in outcomes)
    return {
        "asked": traffic.asked,
        "answered": traffic.answered,
        "again": traffic.again,
        "failed": traffic.failed
        + [f"a job was refused: {name}: {error}" for name, error in traffic.submission.refused],
        "troubles": traffic.troubles,
        "fewest_serving": attendance.fewest,
        "longest_absence_s": attendance.longest_absence_s,
        "jobs": traffic.jobs,
        "ends": Counter(outcome.end.value for outcome in outcomes),
        "without_outcome": sorted(jobs[job] for job in jobs.keys() - ends.keys()),
        "with_several": sorted(job for job, count in ends.items() if count > 1),
        "of_nobody": sorted(ends.keys() - jobs.keys()),
    }


async def _ends_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def run(context: str, batch: str, nodes: Sequence[str]) -> dict[str, object]:
    """Make traffic until standard input ends.

    Raises:
        BrambleError: the cluster cannot be reached, or did not take jobs.
        TimeoutError: not every node served at the beginning.

    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    attendance = Attendance(tuple(nodes))

    complete = asyncio.Event()

    async def hear(message: Received) -> None:
        attendance.hear(decode(message.data, Heartbeat), loop.time())
        if len(attendance.list_serving(loop.time())) == len(nodes):
            complete.set()

    async def look() -> None:
        attendance.begin(loop.time())
        while not await _ends_within(ended, LOOK_S):
            attendance.look(loop.time())

    async def hold() -> None:
        await asyncio.to_thread(sys.stdin.read)
        ended.set()

    with tempfile.TemporaryDirectory() as directory:
        async with open_cluster(context) as cluster:
            await cluster.bus.control.subscribe(subjects.HEARTBEAT.wildcard(), hear)
            async with asyncio.timeout(READY_S):
                await complete.wait()
            traffic = Traffic(cluster, batch, Path(directory))
            print("ready", flush=True)  # noqa: T201 - whoever holds the input waits for it
            async with asyncio.TaskGroup() as group:
                for work in (hold(), look(), traffic.send_pictures(ended), traffic.submit_jobs(ended)):
                    group.create_task(work)
            return report(traffic, attendance, await traffic.collect_outcomes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--context", required=True)
    parser.add_argument("--batch", required=True)
    parser.add_argument("--node", action="append", required=True, help="a node that serves; may be repeated")
    found = parser.parse_args()
    print(json.dumps(asyncio.run(run(found.context, found.batch, found.node))))  # noqa: T201 - the answer
