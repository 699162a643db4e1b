"""Pictures into the job queue: each once, through restarts of the server, a few in memory at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cli.pictures import Picture
from wire import subjects
from wire.bus import FullError, Stream, TakenError
from wire.errors import BadRequestError, BrambleError, BusError, TooLargeError
from wire.jobs import FILE, name_job, write_file_name

AT_ONCE = 8
PAUSE_S = 0.25


@dataclass(slots=True)
class Submission:
    """What became of the pictures. ``files`` has every job of the batch that came of them, by its name."""

    batch: str
    model: str
    files: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    queued_before: int = 0
    ended_before: int = 0
    twins: int = 0  # pictures that are the same, byte for byte, as another one
    refused: list[tuple[str, BrambleError]] = field(default_factory=list)  # files that cannot be sent

    @property
    def seen(self) -> int:
        """How many pictures have been dealt with."""
        return self.sent + self.queued_before + self.ended_before + self.twins + len(self.refused)


class Submitter:
    """Submits pictures to one batch.

    ``on_step`` is called after every picture, ``on_trouble`` with words when the server does not take any, and with
    none when it does again. After ``patience_s`` without a picture taken the trouble is raised.
    """

    def __init__(
        self,
        queue: Stream,
        outcomes: Stream,
        submission: Submission,
        *,
        ended: frozenset[str],
        headers: Mapping[str, str],
        patience_s: float,
        on_step: Callable[[], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._queue = queue
        self._outcomes = outcomes
        self._found = submission
        self._ended = ended
        self._headers = dict(headers)
        self._patience_s = patience_s
        self._on_step = on_step
        self._on_trouble = on_trouble
        self._moved_at = time.monotonic()
        self._troubled = False

    async def submit(self, pictures: Iterable[Picture]) -> None:
        """Submit all pictures. What was taken stays taken if this fails midway; again is safe.

        Raises:
            FullError: the queue stayed full.
            BusError: the server stayed away.

        """
        todo = iter(pictures)
        self._moved_at = time.monotonic()

        async def work() -> None:
            for picture in todo:
                await self._submit_one(picture)
                self._on_step()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def _submit_one(self, picture: Picture) -> None:
        found = self._found
        try:
            data = await asyncio.to_thread(picture.read, self._queue.link.max_payload)
        except (BadRequestError, TooLargeError) as error:
            found.refused.append((picture.name, error))
            return
        job = name_job(found.model, found.batch, data)
        if job in found.files:
            found.twins += 1
            return
        found.files[job] = picture.name
        if job in self._ended:
            found.ended_before += 1
            return
        headers = self._headers | {FILE: write_file_name(picture.name)}
        subject = subjects.BATCH_JOBS.build(model=found.model, batch=found.batch, job=job)
        while True:
            try:
                await self._queue.publish(subject, data, headers=headers, after=0)
            except TakenError as error:
                if not await self._is_known(subject, job):
                    await self._be_patient(error)
                    continue
                found.queued_before += 1
            except (BusError, FullError) as error:
                await self._be_patient(error)
                continue
            else:
                found.sent += 1
            self._move()
            return

    async def _is_known(self, subject: str, job: str) -> bool:
        """Tell whether a job is in the queue, or has left it by getting its outcome."""
        outcome = subjects.OUTCOMES.build(batch=self._found.batch, job=job)
        try:
            return await self._queue.holds(subject) or await self._outcomes.holds(outcome)
        except BusError:
            return False

    def _move(self) -> None:
        self._moved_at = time.monotonic()
        if self._troubled:
            self._troubled = False
            self._on_trouble("")

    async def _be_patient(self, error: BusError | FullError) -> None:
        if time.monotonic() - self._moved_at > self._patience_s:
            raise error
        if not self._troubled:
            self._troubled = True
            full = isinstance(error, FullError)
            self._on_trouble("the queue is full; waiting for room" if full else f"waiting: {error.message}")
        await asyncio.sleep(PAUSE_S)
