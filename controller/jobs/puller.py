"""One model's jobs: pulled as there is room for them, held while they are worked on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from controller.jobs.runner import Held
from controller.jobs.ticket import read_ticket
from wire.bus import Delivery, Work
from wire.errors import BusError

MAX_PULL = 16
IDLE_S = 0.25
PULL_S = 1.0
CHECK_EVERY = 10
"""After so many pulls that brought nothing the consumer is looked for: somebody may have removed it."""

_log = logging.getLogger("bramble.jobs")


class Puller:
    """Pulls and runs the jobs of one model."""

    def __init__(
        self,
        model: str,
        work: Work,
        *,
        room: Callable[[int], int],
        run: Callable[[Held], Awaitable[None]],
        on_lost: Callable[[], None],
    ) -> None:
        self.model = model
        self._work = work
        self._room = room  # given what is held, how many more may be
        self._run_job = run
        self._on_lost = on_lost
        self._held: dict[tuple[str, str], Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    @property
    def held(self) -> tuple[Held, ...]:
        """The jobs that are being worked on."""
        return tuple(self._held.values())

    async def run(self) -> None:
        """Pull until cancelled; then what is held is handed back."""
        empty = 0
        try:
            while True:
                room = self._room(len(self._held))
                if room <= 0 or not self._work.connected:
                    await self._wait_freed()
                    continue
                deliveries = await self._pull(room)
                for delivery in deliveries or ():
                    self._take(delivery)
                empty = 0 if deliveries else empty + 1
                unsure = deliveries is None or (empty and empty % CHECK_EVERY == 0)
                if unsure and await self._is_lost():
                    self._on_lost()
                    return
        finally:
            await self._close()

    async def _pull(self, room: int) -> list[Delivery] | None:
        """Return what came; None when the server did not do its part."""
        try:
            return await self._work.pull(min(room, MAX_PULL), within=PULL_S)
        except BusError as error:
            _log.info("pulling failed", extra={"action": "pull", "model": self.model, "error": error.message})
            await asyncio.sleep(IDLE_S)
            return None

    async def _is_lost(self) -> bool:
        """Tell whether somebody has removed the stream or its consumer."""
        try:
            return not await self._work.exists()
        except BusError:
            return False  # nobody can tell now

    def _take(self, delivery: Delivery) -> None:
        ticket = read_ticket(delivery.subject, delivery.headers, delivery.sequence, delivery.stored_at)
        key = (ticket.batch, ticket.job)
        if known := self._held.get(key):
            if known.delivery.sequence == delivery.sequence:
                known.delivery = delivery  # the server took us for dead; the newer delivery is the one to acknowledge
            return  # or a second message of the same job: its turn comes when this one has its outcome
        held = self._held[key] = Held(ticket, delivery)
        task = asyncio.create_task(self._live(key, held), name=f"job-{ticket.batch}-{ticket.job}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, key: tuple[str, str], held: Held) -> None:
        try:
            await self._run_job(held)
        except asyncio.CancelledError:
            try:
                await held.delivery.hand_back()
            except BusError as error:
                _log.info("a job was not handed back", extra={"action": "hand_back", "error": error.message})
            raise
        finally:
            del self._held[key]
            self._freed.set()

    async def _wait_freed(self) -> None:
        self._freed.clear()
        try:
            await asyncio.wait_for(self._freed.wait(), IDLE_S)
        except TimeoutError:
            return

    async def _close(self) -> None:
        await self._work.close()  # first, or what is handed back would be handed to us
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
