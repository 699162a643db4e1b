"""One camera's way to one model: the newest frame wins, older ones end as superseded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from controller.dispatch.job import Job
from controller.dispatch.line import Rank
from controller.dispatch.pool import Pool, Slot
from controller.dispatch.sliced import SlicedDispatcher
from controller.lanes.capture import Capture
from controller.lanes.footing import Footing
from controller.lanes.ladder import Rung
from controller.results.ledger import REMOVED, SUPERSEDED
from controller.results.results import Results
from wire.errors import BrambleError, NoCapacityError, UnknownModelError
from wire.messages import Result
from wire.tiles import Tiles


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """What a lane's frames are asked with."""

    camera: str
    model: str
    deadline_s: float
    threshold: float | None
    tiles: Tiles | None = None


class Lane:
    """Holds at most one frame that waits for a slot, and as many in flight as slots are granted."""

    def __init__(
        self,
        settings: LaneSettings,
        *,
        pool: Pool,
        dispatcher: SlicedDispatcher,
        results: Results,
        knows: Callable[[str], bool],
        on_result: Callable[[Capture, Result], None],
        clock: Callable[[], float],
        footing: Footing,
    ) -> None:
        self.footing = footing
        self._settings = settings
        self._pool = pool
        self._dispatcher = dispatcher
        self._results = results
        self._knows = knows
        self._on_result = on_result
        self._clock = clock
        self._newest: Capture | None = None
        self._arrived = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()

    def offer(self, capture: Capture, motion: float | None = None) -> None:
        """Take a frame; the one that still waited is superseded. ``motion``: the share of changed pixels, if known."""
        self._results.offer(capture, self._settings.model)
        held_back = self.footing.hold_back(motion, self._clock())
        if held_back is not None:
            self._end_unseen(capture, held_back)
            return
        if self._newest is not None:
            self._results.drop(self._newest, self._settings.model, SUPERSEDED)
        self._newest = capture
        self._arrived.set()

    def gate(self, capture: Capture) -> None:
        """Count a frame that the motion gate held back."""
        self._results.offer(capture, self._settings.model)
        self._results.gate(capture, self._settings.model)

    def supersede(self, capture: Capture) -> None:
        """Count a frame that a newer one replaced before it came here."""
        self._results.offer(capture, self._settings.model)
        self._results.drop(capture, self._settings.model, SUPERSEDED)

    def _end_unseen(self, capture: Capture, reason: str) -> None:
        if reason:
            self._results.drop(capture, self._settings.model, reason)
        else:
            self._results.gate(capture, self._settings.model)

    async def run(self) -> None:
        """Send frames on until cancelled; then what waits is dropped and what is in flight is ended."""
        try:
            while True:
                await self._arrived.wait()
                await self._send_newest()
        finally:
            if capture := self._take():
                self._results.drop(capture, self._settings.model, REMOVED)
            for task in self._in_flight:
                task.cancel()
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=1.0)

    async def _send_newest(self) -> None:
        """Wait for a slot, and only then take the frame: by then it may be a newer one."""
        settings = self._settings
        first = self._newest
        if first is None:
            self._arrived.clear()
            return
        model = self.footing.model
        if not self._knows(model):
            await self._fail_newest(UnknownModelError(f"no model {model!r} is configured"))
            return
        left_s = first.arrived + settings.deadline_s - self._clock()
        try:
            slot = await self._pool.reserve(model, within=left_s, rank=Rank.LIVE)
        except NoCapacityError as error:
            await self._fail_newest(error)
            return
        if slot is None:
            if self._newest is first or not self._pool.serving(model):
                await self._fail_newest(NoCapacityError(f"no node was free for {model} in time"))
            return
        capture = self._take()
        if capture is None:
            self._pool.release(slot)
            return
        task = asyncio.create_task(self._infer(capture, slot, model), name=f"frame-{capture.frame}-{settings.model}")
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _infer(self, capture: Capture, slot: Slot, model: str) -> None:
        settings = self._settings
        stand_in = None if model == settings.model else model
        job = Job(
            frame=capture.frame,
            model=model,
            payload=capture.payload,
            deadline=capture.arrived + settings.deadline_s,
            rank=Rank.LIVE,
            threshold=settings.threshold,
            tiles=None if stand_in else settings.tiles,
        )
        try:
            outcome = await self._dispatcher.run(job, slot, waited_s=slot.granted_at - capture.arrived)
        except BrambleError as error:
            result = self._results.fail(capture, settings.model, error)
        except asyncio.CancelledError:
            self._results.drop(capture, settings.model, REMOVED)
            raise
        else:
            self.footing.note_answer()
            rung = self.footing.rung
            degraded = "" if rung is Rung.FULL else rung.value
            result = msgspec.structs.replace(
                self._results.infer(capture, settings.model, outcome), degraded=degraded, stand_in=stand_in
            )
            self._on_result(capture, result)
        await self._results.publish(result)

    async def _fail_newest(self, error: BrambleError) -> None:
        if capture := self._take():
            await self._results.publish(self._results.fail(capture, self._settings.model, error))

    def _take(self) -> Capture | None:
        capture, self._newest = self._newest, None
        self._arrived.clear()
        return capture
