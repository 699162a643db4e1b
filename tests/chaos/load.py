"""The load of a run: cameras, people who ask, and jobs; every one of them noted down."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable

from PIL import Image

from cli.cluster import Cluster
from tests.chaos.course import Pace
from tests.chaos.record import Ended, Ledger, Live, Record, Request, Sighting
from wire import subjects
from wire.audit import Entry, Outcome
from wire.bus import FullError, Received, Stream, TakenError
from wire.cameras import CameraConfig
from wire.errors import BrambleError, BusError
from wire.headers import InferOptions
from wire.jobs import JobOutcome, name_job
from wire.messages import Result, decode

MODEL = "mobilenet_v2"
BATCH = "chaos"
DEADLINE_MS = 3000
CHANGED = "changed"  # the camera whose configuration is changed again and again
FIRST_CHANGE = 1000  # the deadline in milliseconds that the change of number 0 would have set
CHANGE_S = 3.0  # a change is waited for so long, then the next one is tried
AGAIN_S = 0.15  # from a job that the server did not take until it is submitted again


def make_picture(number: int) -> bytes:
    """Return a small JPEG, another for each number."""
    out = io.BytesIO()
    Image.new("RGB", (32 + number // 256 % 64, 24), (number % 256, 90, number // 256 % 256)).save(out, "JPEG")
    return out.getvalue()


class Load:
    """Puts load on a cluster and records what comes of it. ``clock`` counts seconds from the start of the run."""

    def __init__(self, cluster: Cluster, record: Record, clock: Callable[[], float], pace: Pace) -> None:
        self._cluster = cluster
        self._record = record
        self._clock = clock
        self._pace = pace

    async def add_cameras(self) -> None:
        for camera in self._record.cameras:
            config = CameraConfig(
                camera=camera, url=f"synthetic:?fps={self._pace.camera_fps}", models=(MODEL,), deadline_ms=DEADLINE_MS
            )
            await self._cluster.add_camera(config)

    async def listen(self) -> None:
        """Take down live results until cancelled."""

        async def take(message: Received) -> None:
            result = decode(message.data, Result)
            code = result.error.code.value if result.error else ""
            took_s = result.timings.total_ms / 1000
            live = Live(self._clock(), result.camera, result.model, result.frame, code, took_s=took_s)
            self._record.live.append(live)

        subscription = await self._cluster.bus.data.subscribe(subjects.RESULTS.wildcard(), take, max_pending=4096)
        try:
            await asyncio.Event().wait()
        finally:
            await subscription.end()

    async def ask(self) -> None:
        """Ask about pictures at a steady pace, whatever becomes of those before, until cancelled."""
        async with asyncio.TaskGroup() as group:
            number = 0
            while True:
                number += 1
                group.create_task(self._ask_one(make_picture(number)))
                await asyncio.sleep(self._pace.ask_every_s)

    async def _ask_one(self, picture: bytes) -> None:
        sent, code = self._clock(), ""
        try:
            await self._cluster.infer(MODEL, picture, InferOptions(deadline_ms=DEADLINE_MS))
        except BrambleError as error:
            code = error.code.value
        self._record.requests.append(Request(sent, self._clock(), code))

    async def submit(self, until: float) -> None:
        """Submit jobs at a steady pace; one that the server did not take is submitted again until it does."""
        number = 0
        while self._clock() < until:
            picture = make_picture(number)
            job = name_job(MODEL, BATCH, picture)
            subject = subjects.BATCH_JOBS.build(model=MODEL, batch=BATCH, job=job)
            try:
                await self._cluster.queue.publish(subject, picture, after=0)
            except TakenError:
                pass  # the server had taken it, and its word was lost
            except (BusError, FullError):
                await asyncio.sleep(AGAIN_S)
                continue
            self._record.submitted[job] = self._clock()
            number += 1
            await asyncio.sleep(self._pace.submit_every_s)

    async def change(self) -> None:
        """Change the configuration at a steady pace until cancelled; what was refused is not tried again."""
        number = 0
        while True:
            number += 1
            config = CameraConfig(camera=CHANGED, url="push:", models=(MODEL,), deadline_ms=FIRST_CHANGE + number)
            self._record.tried = number
            try:
                async with asyncio.timeout(CHANGE_S):
                    await self._cluster.add_camera(config)
            except (BrambleError, TimeoutError):
                pass  # whether it was done is not known; only what was acknowledged must be there
            else:
                self._record.changes.append((self._clock(), number))
            await asyncio.sleep(self._pace.change_every_s)

    async def collect(self) -> None:
        """Take down outcomes until cancelled."""
        async for stored in self._cluster.outcomes.read(subjects.OUTCOMES.wildcard(batch=BATCH), follow=True):
            self._record.ended.append(Ended(self._clock(), decode(stored.data, JobOutcome)))

    async def look(self) -> None:
        """Take down every controller's ledger now and then, until cancelled."""
        while True:
            self._record.ledgers += await self.read_ledgers()
            await asyncio.sleep(self._pace.look_every_s)

    async def read_ledgers(self) -> list[Ledger]:
        """Return the ledgers of the controllers that live; none where nobody can be asked."""
        try:
            status = await self._cluster.status(within=2.0)
        except BrambleError:
            return []
        seen = [
            *((n.node, n.liveness) for n in status.nodes),
            *((c.controller, c.liveness) for c in status.controllers),
        ]
        self._record.sightings += [Sighting(self._clock(), name, liveness) for name, liveness in seen]
        live = [each for each in status.controllers if each.liveness == "live"]
        return [Ledger(each.at, each.controller, each.session, each.counts) for each in live]

    async def settle(self, *, nodes: int, controllers: int, within: float) -> None:
        """Wait until everything is well, and take down how long that took."""
        started = time.monotonic()
        async with asyncio.timeout(within):
            while not await self._is_well(nodes, controllers):  # noqa: ASYNC110 - asks another process
                await asyncio.sleep(0.2)
        self._record.recovered_s = time.monotonic() - started

    async def wind_up(self, *, within: float) -> None:
        """Remove the cameras, wait for the last job, and take down how it all came out."""
        async with asyncio.timeout(within):
            await self._read_changes()
            for camera in (*self._record.cameras, CHANGED):
                await self._cluster.remove_camera(camera)
            while (left := (await self._cluster.jobs(BATCH)).queue.queued) or self._left():
                self._record.queued = left
                await asyncio.sleep(0.2)
            self._record.queued = 0
            while not (last := await self.read_ledgers()) or any(each.counts.open for each in last):
                self._record.last = last
                await asyncio.sleep(0.2)
            self._record.last = last

    async def read_outcomes(self) -> None:
        """Read from the server, once more and whole, which jobs have an outcome."""
        stored = self._cluster.outcomes.read(subjects.OUTCOMES.wildcard(batch=BATCH), headers_only=True)
        self._record.stored = [each.subject.rpartition(".")[2] async for each in stored]

    async def _read_changes(self) -> None:
        bucket = await self._cluster.bus.bucket(subjects.CONFIG_BUCKET, create=False)
        if kept := await bucket.get(subjects.CAMERA_KEY.build(camera=CHANGED)):
            self._record.kept = decode(kept, CameraConfig).deadline_ms - FIRST_CHANGE
        stored = Stream(self._cluster.bus.control, subjects.AUDIT_STREAM).read(subjects.AUDIT.build())
        deeds = [decode(each.data, Entry).deed async for each in stored]
        self._record.noted = sum(
            (deed.action, deed.target, deed.outcome) == ("camera.add", CHANGED, Outcome.DONE) for deed in deeds
        )

    def _left(self) -> int:
        return len(self._record.submitted.keys() - {each.outcome.job for each in self._record.ended})

    async def _is_well(self, nodes: int, controllers: int) -> bool:
        try:
            status = await self._cluster.status(within=2.0)
        except BrambleError:
            return False
        live = sum(each.liveness == "live" for each in status.nodes)
        alive = sum(each.liveness == "live" for each in status.controllers)
        cameras = sum(camera.phase == "live" for camera in status.cameras)
        served = all(len(model.nodes_ready) == nodes for model in status.models)
        return (live, alive, cameras, served) == (nodes, controllers, len(self._record.cameras), True)
