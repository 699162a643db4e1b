"""The controller's side of durable jobs: keeps the streams as they must be, and pulls as there is capacity."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime

from controller.catalogue import Catalogue
from controller.dispatch.candidate import SLOTS
from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.pool import Pool
from controller.jobs.archive import Archive
from controller.jobs.puller import Puller
from controller.jobs.runner import Runner
from controller.jobs.streams import consumer_name, dead_letters_spec, job_subjects, outcomes_spec, queue_spec
from controller.jobs.tally import Tally
from controller.results.results import Results
from wire import subjects
from wire.bus import Bus, FullError, Stream
from wire.errors import BusError
from wire.jobs import QueueStatus

ACK_WAIT_S = 5.0
"""A controller that has not said for so long that it works on a job has lost it to another."""

KEEP_S = 1.5
RECONCILE_S = 1.0
STATUS_S = 2.0
MAX_HELD = 64
AHEAD = 2
"""Jobs a model that wait for a slot here, so that none lies idle; better ranks go before them."""

MAX_HELD_BYTES = 64 << 20
MAX_UNACKNOWLEDGED = 1024  # over all controllers, a model

_log = logging.getLogger("bramble.jobs")


class JobDesk:
    """Runs until cancelled; without JetStream it says so and tries again."""

    def __init__(
        self,
        controller: str,
        bus: Bus,
        *,
        disk: int,
        catalogue: Catalogue,
        pool: Pool,
        dispatcher: Dispatcher,
        results: Results,
        clock: Callable[[], float],
    ) -> None:
        self._disk = disk
        self._catalogue = catalogue
        self._pool = pool
        self._clock = clock
        self.queue = Stream(bus.data, subjects.JOBS_STREAM)
        self.archive = Archive(
            Stream(bus.control, subjects.OUTCOMES_STREAM), Stream(bus.data, subjects.DEAD_LETTERS_STREAM)
        )
        self._runner = Runner(controller, dispatcher=dispatcher, results=results, archive=self.archive, clock=clock)
        self._pullers: dict[str, tuple[Puller, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._tried = asyncio.Event()  # to open the streams, well or not
        self._stale = True  # the streams must be looked at
        self._status: QueueStatus | None = None
        self._problem = ""

    @property
    def status(self) -> QueueStatus | None:
        """The queue as it was a moment ago; None before it was looked at."""
        return self._status

    @property
    def tally(self) -> Tally:
        """What has become of jobs at this controller."""
        return self._runner.tally

    def note_lost(self) -> None:
        """A stream or a consumer is not there any more."""
        _log.error("somebody removed the job queue; it is made again", extra={"action": "lost_jobs"})
        self.note_models()

    def note_models(self) -> None:
        """The catalogue has changed."""
        self._stale = True
        self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled, from when the models are known: the queue takes jobs of known models only."""
        await self._changed.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="keep-jobs")
            tasks.create_task(self._observe(), name="observe-jobs")
            while True:
                self._changed.clear()
                try:
                    await self._reconcile(tasks)
                    self._problem = ""
                except (BusError, FullError) as error:
                    if error.message != self._problem:
                        _log.error("no jobs", extra={"action": "open_jobs", "error": error.message})
                    self._problem = error.message
                self._tried.set()
                await _wait(self._changed, RECONCILE_S)

    async def _reconcile(self, tasks: asyncio.TaskGroup) -> None:
        """Bring streams, consumers and pullers into line with the catalogue."""
        models = {manifest.name for manifest in self._catalogue.manifests}
        for model in list(self._pullers):
            task = self._pullers[model][1]
            if model not in models or task.done():
                task.cancel()
                del self._pullers[model]
                self._stale = True
        if not self._stale:
            return
        self._stale = False  # before the first wait: the catalogue may change meanwhile
        try:
            await self._open(models, tasks)
        except BaseException:
            self._stale = True
            raise

    async def _open(self, models: set[str], tasks: asyncio.TaskGroup) -> None:
        for spec, link in (
            (queue_spec(models, self._disk), self.queue.link),
            (outcomes_spec(self._disk), self.archive.outcomes.link),
            (dead_letters_spec(self._disk), self.archive.dead.link),
        ):
            await Stream.ensure(link, spec)
        for model in sorted(models - self._pullers.keys()):
            work = await self.queue.work(
                consumer_name(model), job_subjects(model), ack_wait_s=ACK_WAIT_S, max_unacknowledged=MAX_UNACKNOWLEDGED
            )
            puller = Puller(model, work, room=self._room_for(model), run=self._runner.run, on_lost=self.note_lost)
            self._pullers[model] = puller, tasks.create_task(puller.run(), name=f"jobs-{model}")

    def _room_for(self, model: str) -> Callable[[int], int]:
        """Return what tells how many more jobs may be held: as many as its nodes can have in flight, and AHEAD."""

        def room(held: int) -> int:
            if self._runner.full_since is not None:
                return 0 if held else 1  # one at a time, to see whether there is room for outcomes again
            everything = [job for puller, _ in self._pullers.values() for job in puller.held]
            if sum(len(job.delivery.data) for job in everything) >= MAX_HELD_BYTES:
                return 0
            nodes = len(self._pool.serving(model))
            return min(SLOTS * nodes + AHEAD - held, MAX_HELD - len(everything)) if nodes else 0

        return room

    async def _keep(self) -> None:
        """Say again and again that what is held is being worked on."""
        while True:
            await asyncio.sleep(KEEP_S)
            for puller, _ in list(self._pullers.values()):
                for held in puller.held:
                    try:
                        await held.delivery.keep()
                    except BusError as error:
                        _log.info("a job was not kept", extra={"action": "keep", "error": error.message})

    async def _observe(self) -> None:
        """Look at the queue now and then, for who asks; not before it can be there."""
        await self._tried.wait()
        while True:
            try:
                self._status = await self.look()
            except BusError as error:
                problem = self._problem or error.message
                self._status = QueueStatus(running=self._running, problem=problem)
            await asyncio.sleep(STATUS_S)

    async def look(self) -> QueueStatus:
        """Ask the server how the queue is now.

        Raises:
            BusError: it could not be asked.

        """
        queue = await self.queue.state()
        outcomes = await self.archive.outcomes.state()
        dead = await self.archive.dead.state()
        return QueueStatus(
            queued=queue.messages,
            queued_bytes=queue.bytes,
            oldest_s=round(_age_s(queue.first_ts), 1) if queue.messages else 0.0,
            running=self._running,
            outcomes=outcomes.messages,
            outcomes_bytes=outcomes.bytes,
            dead=dead.messages,
            max_queue_bytes=queue_spec((), self._disk).max_bytes,
            max_outcomes_bytes=outcomes_spec(self._disk).max_bytes,
            problem=self._find_problem(queue.messages),
        )

    @property
    def _running(self) -> int:
        return sum(len(puller.held) for puller, _ in self._pullers.values())

    def _find_problem(self, queued: int) -> str:
        if self._problem:
            return self._problem
        if self._runner.full_since is not None:
            return "there is no room for outcomes: forget batches with `bramble jobs forget`"
        if queued and not any(self._pool.serving(model) for model in self._pullers):
            return "jobs wait, and no node is ready for any model"
        return ""


def _age_s(timestamp: str) -> float:
    """Return the age of an RFC 3339 time; of a clock's step back it makes nothing below 0."""
    return max(0.0, time.time() - datetime.fromisoformat(timestamp).timestamp())


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
