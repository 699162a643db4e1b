"""The nodes that may get work now, and who waits for one of them: strictly first come, first served for each model."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from controller.dispatch.candidate import Candidate, Estimate, choose


@dataclass(slots=True)
class Seat:
    """The pool's own record of one node."""

    node: str
    models: frozenset[str]
    session: str
    service: dict[str, Estimate] = field(default_factory=dict)
    in_flight: dict[int, tuple[str, float]] = field(default_factory=dict)
    barred: bool = False  # failed at its last frame: no work until its next heartbeat

    def view(self, now: float) -> Candidate:
        """Return what the choice sees."""
        service_s = {model: estimate.aged_s(now) for model, estimate in self.service.items()}
        return Candidate(self.node, tuple(self.in_flight.values()), service_s)


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send one frame to one node. Give it back with :meth:`Pool.release`."""

    number: int
    node: str
    model: str
    granted_at: float
    expected_s: float


@dataclass(slots=True)
class _Waiter:
    model: str
    without: frozenset[str]
    future: asyncio.Future[Slot]


class Pool:
    """Slots of nodes. One event loop uses it; ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seats: dict[str, Seat] = {}
        self._waiters: deque[_Waiter] = deque()
        self._numbers = itertools.count()

    def seat(self, node: str, models: frozenset[str], session: str, service_s: Mapping[str, float]) -> None:
        """Admit a node, or renew what is known of it; ``service_s`` is its own word, for models not yet timed here."""
        seat = self._seats.get(node)
        if seat is None or seat.session != session:
            self._seats[node] = seat = Seat(node, models, session)
        seat.models = models
        seat.barred = False
        for model, seconds in service_s.items():
            if seconds > 0:
                seat.service.setdefault(model, Estimate(seconds, self._clock()))
        self._serve_waiters()

    def unseat(self, node: str) -> None:
        """Take a node out; what it has in flight is the business of those who sent it."""
        self._seats.pop(node, None)

    def bar(self, node: str) -> None:
        """Give a node no more work until it is seated again: it failed fast, and would draw all work to itself."""
        if seat := self._seats.get(node):
            seat.barred = True

    def serving(self, model: str) -> tuple[str, ...]:
        """Return the nodes that may get this model's work, free or not."""
        return tuple(sorted(s.node for s in self._seats.values() if model in s.models and not s.barred))

    def in_flight(self, node: str) -> int:
        """Return how many frames are on their way to, in or from a node."""
        seat = self._seats.get(node)
        return len(seat.in_flight) if seat else 0

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiters)

    async def reserve(self, model: str, *, within: float, without: frozenset[str] = frozenset()) -> Slot | None:
        """Wait at most ``within`` seconds for a slot on a node other than those in ``without``; None when none came."""
        ahead = any(waiter.model == model for waiter in self._waiters)
        if not ahead and (slot := self._grant(model, without)):
            return slot
        if within <= 0:
            return None
        waiter = _Waiter(model, without, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within):
                return await asyncio.shield(waiter.future)
        except TimeoutError:
            return self._withdraw(waiter)
        except asyncio.CancelledError:
            if late := self._withdraw(waiter):
                self.release(late)
            raise

    def release(self, slot: Slot, *, service_s: float | None = None) -> None:
        """Give a slot back; ``service_s`` is the node's own time for the frame, where it answered."""
        seat = self._seats.get(slot.node)
        if seat and seat.in_flight.pop(slot.number, None) and service_s is not None:
            now = self._clock()
            known = seat.service.get(slot.model)
            seat.service[slot.model] = known.renewed(service_s, now) if known else Estimate(service_s, now)
        self._serve_waiters()

    def _withdraw(self, waiter: _Waiter) -> Slot | None:
        """Stop waiting; a slot granted in the same instant is returned, not lost."""
        if waiter.future.done() and not waiter.future.cancelled():
            return waiter.future.result()
        waiter.future.cancel()
        self._waiters.remove(waiter)
        return None

    def _grant(self, model: str, without: frozenset[str]) -> Slot | None:
        now = self._clock()
        views = [
            seat.view(now)
            for seat in self._seats.values()
            if model in seat.models and not seat.barred and seat.node not in without
        ]
        chosen = choose(views, model, now)
        if chosen is None:
            return None
        seat = self._seats[chosen.node]
        measured = {known: estimate.seconds for known, estimate in seat.service.items()}
        expected_s = replace(chosen, service_s=measured).expected_s(model, now)  # patience does not believe in ageing
        slot = Slot(next(self._numbers), chosen.node, model, now, expected_s)
        seat.in_flight[slot.number] = (model, now)
        return slot

    def _serve_waiters(self) -> None:
        """Grant what can be granted, oldest first; who cannot be served does not hold up those of other models."""
        left: deque[_Waiter] = deque()
        while self._waiters:
            waiter = self._waiters.popleft()
            slot = self._grant(waiter.model, waiter.without)
            if slot is None:
                left.append(waiter)
            else:
                waiter.future.set_result(slot)
        self._waiters = left
