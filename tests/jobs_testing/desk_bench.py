"""The controller's job desk over a real server, with simulated nodes that fail as told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from controller.catalogue import Catalogue
from controller.desks.door import ControlDoor
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.pool import Pool
from controller.jobs.control import JobControl
from controller.jobs.desk import JobDesk
from controller.metrics.metrics import Metrics
from controller.results.results import Results
from modelkit.manifest import Artefact, InputSpec, Manifest, SimulatedSpec, encode_manifest
from tests.testing.simulated_nodes import SimulatedCourier, SimulatedNode, seat_whole
from wire import subjects
from wire.audit import Deed
from wire.bus import Bus, Stored, Stream
from wire.jobs import FILE, BatchRequest, BatchStatus, ChunkDone, JobEnd, JobOutcome, JobsReport, name_job
from wire.messages import Counts, Done, Message, decode, encode
from wire.service import Service

MODEL = "m"
WITHIN_S = 30.0


def make_manifest(name: str) -> Manifest:
    return Manifest(
        name=name,
        version="1.0",
        task="classify",
        description="",
        licence="MIT",
        origin="",
        labels=("a",),
        input=InputSpec(width=8, height=8),
        artefacts=(Artefact(variant="cpu-f32", file="m.tflite", sha256="0" * 64, bytes=1),),
        simulated=SimulatedSpec(seconds=0.1),
    )


class DeskBench:
    """One controller's job desk and its control endpoints."""

    def __init__(self, bus: Bus, *nodes: SimulatedNode, name: str = "one", disk: int = 64 << 20) -> None:
        self.bus = bus
        self.nodes = nodes
        self.catalogue = Catalogue()
        self.pool = Pool(time.monotonic)
        self.metrics = Metrics()
        self.results = Results(bus.data, self.metrics, time.monotonic, lambda _camera: True)
        self.desk = JobDesk(
            name,
            bus,
            disk=disk,
            catalogue=self.catalogue,
            pool=self.pool,
            dispatcher=Dispatcher(self.pool, SimulatedCourier(*nodes), time.monotonic),
            results=self.results,
            clock=time.monotonic,
        )
        self.deeds: list[Deed] = []
        self.outcomes = Stream(bus.control, subjects.OUTCOMES_STREAM)
        self._service = Service(bus.data, name="bramble", version="1.0.0", description="jobs", metadata={})
        JobControl(self.desk, self.catalogue, name).register(
            ControlDoor(self._service, self._record, self.deeds.append)
        )

    async def _record(self, deed: Deed) -> None:
        self.deeds.append(deed)

    @contextlib.asynccontextmanager
    async def running(self, *models: str) -> AsyncIterator[DeskBench]:
        """Run the desk, with some models configured, until the end of the block."""
        self.configure(*(models or (MODEL,)))
        for node in self.nodes:
            self.seat(node)
        await self._service.start()
        task = asyncio.create_task(self.desk.run())
        try:
            await self.until(lambda: self.problem == "" or task.done())
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=5)
            await self._service.stop()

    def configure(self, *models: str) -> None:
        entries = {subjects.MODEL_KEY.build(model=m): encode_manifest(make_manifest(m)) for m in models}
        self.catalogue.replace(entries)
        self.desk.note_models()

    def seat(self, node: SimulatedNode) -> None:
        seat_whole(self.pool, node, MODEL)

    @property
    def problem(self) -> str | None:
        """What keeps jobs from being worked on; None before the desk has looked."""
        return self.desk.status.problem if self.desk.status else None

    @property
    def counts(self) -> Counts:
        return self.results.ledger.counts()

    async def submit(self, picture: bytes, *, batch: str = "b", file: str = "", model: str = MODEL) -> str:
        """Submit a picture as `bramble submit` does; return the job's name."""
        job = name_job(model, batch, picture)
        subject = subjects.BATCH_JOBS.build(model=model, batch=batch, job=job)
        await self.desk.queue.publish(subject, picture, headers={FILE: file} if file else None, after=0)
        return job

    async def await_outcomes(
        self, number: int, batch: str = "b", *, after: int = 0, within: float = WITHIN_S
    ) -> dict[str, JobOutcome]:
        """Wait for so many outcomes of a batch; return them by job."""
        found: dict[str, JobOutcome] = {}
        async with asyncio.timeout(within):
            async for stored in self.outcomes.read(subjects.OUTCOMES.wildcard(batch=batch), follow=True, after=after):
                outcome = decode(stored.data, JobOutcome)
                assert outcome.job not in found
                found[outcome.job] = outcome
                if len(found) == number:
                    break
        return found

    async def all_outcomes(self, batch: str = "b") -> list[Stored]:
        return [each async for each in self.outcomes.read(subjects.OUTCOMES.wildcard(batch=batch))]

    async def await_empty_queue(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            while (await self.desk.look()).queued:
                pass

    async def until(self, condition: object) -> None:
        """Look at a condition at every turn of the loop until it holds."""
        assert callable(condition)
        async with asyncio.timeout(WITHIN_S):
            while not condition():  # noqa: ASYNC110 - looks at product code's state, which tells no event
                await asyncio.sleep(0.005)

    async def report(self, batch: str = "") -> JobsReport:
        return decode(await self._ask("list", BatchRequest(batch=batch)), JobsReport)

    async def batch(self, batch: str = "b") -> BatchStatus:
        return (await self.report(batch)).batches[0]

    async def change(self, verb: str, batch: str = "b", *jobs: str) -> ChunkDone:
        return decode(await self._ask(verb, BatchRequest(batch=batch, jobs=jobs)), ChunkDone)

    async def forget(self, batch: str = "b") -> bytes:
        return await self._ask("forget", BatchRequest(batch=batch))

    async def _ask(self, verb: str, message: Message) -> bytes:
        subject = subjects.CONTROL.build(user=self.bus.user, noun="jobs", verb=verb)
        return (await self.bus.control.request(subject, encode(message), within=WITHIN_S)).data


__all__ = ["MODEL", "DeskBench", "Done", "JobEnd", "SimulatedNode"]
