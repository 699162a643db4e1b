"""The nodes that may get work now, and who waits for some of them: by rank, first come first served within a rank."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from controller.dispatch.candidate import SLOTS, Chain, Flight, Role, Route, choose, find_route, window
from controller.dispatch.estimate import Estimate
from controller.dispatch.line import LIMITS, Line, Rank, hint_ms
from controller.dispatch.seat import Offers, Seat
from wire.errors import NoCapacityError
from wire.headers import Hop

Ban = tuple[str, Chain]
"""A node that is not to be taken for a chain; for another it may be."""

Staffed = Sequence[tuple[Chain, Sequence[Sequence[Seat]]]]
"""Chains that have a node for each stage, and the nodes of each."""

NOBODY: frozenset[str] = frozenset()
NO_BANS: frozenset[Ban] = frozenset()


class Slot(msgspec.Struct, frozen=True):
    """The right to send one frame along an itinerary. Give it back with :meth:`Pool.release`."""

    number: int
    chain: Chain
    hops: tuple[Hop, ...]
    sessions: tuple[str, ...]  # of the nodes when it was granted
    granted_at: float
    expected_s: float

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where the frame goes, a node a stage."""
        return tuple(hop.node for hop in self.hops)


class Spent(msgspec.Struct, frozen=True):
    """What an answer tells of the time it took, in seconds."""

    service_s: tuple[float, ...]  # one a stage: the nodes' own time, without their queues
    travel_s: float  # all that the nodes do not account for


@dataclass(slots=True)
class _Waiter:
    rank: Rank
    model: str
    without: frozenset[Ban]
    avoid: frozenset[str]
    future: asyncio.Future[Slot | None]


class Pool:
    """Slots of nodes. One event loop uses it; ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seats: dict[str, Seat] = {}
        self._chains: dict[str, Staffed] = {}  # of each model; looked up anew after every change of seats
        self._travel: dict[Chain, Estimate] = {}  # of cut models: the time of a frame's hops together
        self.standby: Callable[[str], Collection[str]] = lambda _model: NOBODY  # nodes that only stand by for a model
        self.spares: Callable[[str], Collection[str]] = lambda _model: NOBODY  # whose whole model is a last resort
        self.doubt: Callable[[str], None] = lambda _node: None  # have a node asked soon whether it is there still
        self._on_gone: list[Callable[[str], None]] = []
        self._line: Line[_Waiter] = Line()
        self._numbers = itertools.count()

    def seat(self, node: str, offers: Offers, session: str, service_s: Mapping[Role, float]) -> None:
        """Admit a node, or renew what is known of it; ``service_s`` is its own word, for roles not yet timed here."""
        seat = self._seats.get(node)
        if seat is None or seat.session != session:
            self._seats[node] = seat = Seat(node, session, {})
            self._chains.clear()
        if seat.offers != offers or seat.barred:
            seat.offers, seat.barred = dict(offers), False
            self._chains.clear()
        for role, seconds in service_s.items():
            if seconds > 0:
                seat.service.setdefault(role, Estimate(seconds, self._clock()))
        self._serve_waiters()

    def unseat(self, node: str) -> None:
        """Take a node out; what it has in flight is the business of those who sent it."""
        if self._seats.pop(node, None):
            self._chains.clear()

    def bar(self, node: str) -> None:
        """Give a node no more work until it is seated again: it failed fast, and would draw all work to itself."""
        if seat := self._seats.get(node):
            seat.barred = True
            self._chains.clear()

    def lose(self, node: str) -> None:
        """Bar a node that is gone, and with it the frames that it had: who waits for one of them is told."""
        self.bar(node)
        for tell in self._on_gone:
            tell(node)

    def call_on_gone(self, tell: Callable[[str], None]) -> None:
        """Have ``tell`` called with every node that is lost."""
        self._on_gone.append(tell)

    def is_barred(self, node: str) -> bool:
        """Tell whether a node that has a seat gets no work."""
        seat = self._seats.get(node)
        return seat is not None and seat.barred

    @property
    def admitted(self) -> tuple[str, ...]:
        """The nodes that get work as far as is known."""
        return tuple(seat.node for seat in self._seats.values() if not seat.barred)

    def find_lost(self, slot: Slot) -> frozenset[str]:
        """Return the nodes on the slot's way that have gone, failed or started anew since: its frame may be lost."""
        return frozenset(
            node
            for node, session in zip(slot.nodes, slot.sessions, strict=True)
            if (seat := self._seats.get(node)) is None or seat.barred or seat.session != session
        )

    def serving(self, model: str) -> tuple[str, ...]:
        """Return the nodes that may get this model's work, free or not; a cut counts when all its stages are there."""
        usable = [stages for _, stages in self._staffed(model, NO_BANS)]
        return tuple(sorted({seat.node for stages in usable for seats in stages for seat in seats}))

    def chains(self, model: str) -> dict[Chain, tuple[tuple[str, ...], ...]]:
        """Return what can run the model now, and the nodes of each stage."""
        return {
            chain: tuple(tuple(sorted(seat.node for seat in seats)) for seats in stages)
            for chain, stages in self._staffed(model, NO_BANS)
        }

    def can_serve(self, model: str, *, without: frozenset[Ban] = NO_BANS, avoid: frozenset[str] = NOBODY) -> bool:
        """Tell whether there is a way through these nodes, free or not."""
        return any(
            any(seat.node not in avoid for seats in stages for seat in seats)
            for _, stages in self._staffed(model, without)
        )

    def in_flight(self, node: str) -> int:
        """Return how many frames are on their way to, in or from a node, or past it to their last stage."""
        seat = self._seats.get(node)
        return len(seat.in_flight) if seat else 0

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._line)

    def hint_ms(self, model: str) -> int:
        """Return after how many milliseconds a request that found no slot had better be made again."""
        firsts = [(chain, seat) for chain, stages in self._staffed(model, NO_BANS) for seat in stages[0]]
        times = [seat.service_s(Role(chain, 0)) for chain, seat in firsts]
        return hint_ms(len(self._line), sum(times) / len(times) if times else 0.0, len(times))

    async def reserve(
        self,
        model: str,
        *,
        within: float,
        rank: Rank = Rank.INTERACTIVE,
        without: frozenset[Ban] = NO_BANS,
        avoid: frozenset[str] = NOBODY,
        again: bool = False,
    ) -> Slot | None:
        """Wait at most ``within`` seconds for a slot; None when none came.

        Args:
            model: which one.
            within: seconds to wait.
            rank: what the work is for.
            without: nodes that failed the frame on a chain.
            avoid: nodes to be taken only where there is no other for a stage.
            again: the frame was sent before: it is older than any of its rank that waits, and comes first.

        Raises:
            NoCapacityError: as many of this rank wait as may, and the frame was not sent before.

        """
        ahead = not again and self._line.must_wait(rank, model)
        if not ahead and (slot := self._grant(model, without, avoid)):
            return slot
        if within <= 0:
            return None
        if self._line.is_full(rank) and not again:
            raise NoCapacityError(
                f"{LIMITS[rank]} already wait for a node",
                remedy="try again later, send less, or add nodes",
                retry_after_ms=self.hint_ms(model),
            )
        loop = asyncio.get_running_loop()
        waiter = _Waiter(rank, model, without, avoid, loop.create_future())
        self._line.join(waiter, first=again)
        timer = loop.call_later(within, self._send_away, waiter)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.cancelled():
                self._line.leave(waiter)
            elif late := waiter.future.result():  # granted in the same instant
                self.release(late)
            raise
        finally:
            timer.cancel()

    def take(self, model: str, *, without: frozenset[Ban] = NO_BANS, avoid: frozenset[str] = NOBODY) -> Slot | None:
        """Return a slot that is free now, past all who wait; those who do had the chance to take it."""
        return self._grant(model, without, avoid)

    def release(self, slot: Slot, spent: Spent | None = None, *, but: frozenset[str] = NOBODY) -> None:
        """Give a slot back, once or more often, on all of its nodes ``but`` some.

        ``spent`` is what its answer told.
        """
        now = self._clock()
        held = False
        for stage, hop in enumerate(slot.hops):
            seat = None if hop.node in but else self._seats.get(hop.node)
            if seat is None or seat.in_flight.pop((slot.number, stage), None) is None:
                continue
            held = True
            if spent is not None:
                seat.learn(Role(slot.chain, stage), spent.service_s[stage], now)
        if held and spent is not None and slot.chain.cut is not None:
            known = self._travel.get(slot.chain)
            self._travel[slot.chain] = known.renewed(spent.travel_s, now) if known else Estimate(spent.travel_s, now)
        self._serve_waiters()

    def _send_away(self, waiter: _Waiter) -> None:
        """Let somebody go without a slot: their time is up."""
        if not waiter.future.done():
            self._line.leave(waiter)
            waiter.future.set_result(None)

    def _staffed(self, model: str, without: frozenset[Ban]) -> Staffed:
        """Return the chains that have a node for each stage, and those nodes."""
        if not self._chains:
            self._chains = _index(seat for seat in self._seats.values() if not seat.barred)
        found = self._chains.get(model, ())
        if not without:
            return found
        left = (
            (chain, [[seat for seat in seats if (seat.node, chain) not in without] for seats in stages])
            for chain, stages in found
        )
        return [(chain, stages) for chain, stages in left if all(stages)]

    def _without_spares(self, model: str, staffed: Staffed) -> Staffed:
        """Leave out whole models that are a last resort, wherever something else has a node for each stage."""
        spares = self.spares(model)
        if not spares:
            return staffed
        rest = []
        for chain, stages in staffed:
            kept = stages if chain.cut is not None else [[seat for seat in stages[0] if seat.node not in spares]]
            if all(kept):
                rest.append((chain, kept))
        return rest or staffed

    def _without_standby(self, model: str, usable: Sequence[Sequence[Seat]]) -> Sequence[Sequence[Seat]]:
        """Leave out who only stands by, wherever a stage has somebody else."""
        resting = self.standby(model)
        if not resting:
            return usable
        return [[seat for seat in seats if seat.node not in resting] or seats for seats in usable]

    def _grant(self, model: str, without: frozenset[Ban], avoid: frozenset[str]) -> Slot | None:
        now = self._clock()
        routes = []
        for chain, stages in self._without_spares(model, self._staffed(model, without)):
            route = self._find_route(chain, self._without_standby(model, stages), avoid, now)
            if route is not None:
                routes.append(route)
        chosen = choose(routes)
        if chosen is None:
            return None
        seats = [self._seats[hop.node] for hop in chosen.hops]
        sessions = tuple(seat.session for seat in seats)
        slot = Slot(next(self._numbers), chosen.chain, chosen.hops, sessions, now, self._expect_s(chosen, seats, now))
        for stage, seat in enumerate(seats):
            seat.in_flight[slot.number, stage] = Flight(
                Role(chosen.chain, stage), now + chosen.arrivals[stage], now + chosen.ends[stage]
            )
        return slot

    def _find_route(
        self, chain: Chain, stages: Sequence[Sequence[Seat]], avoid: frozenset[str], now: float
    ) -> Route | None:
        if chain.cut is None:
            role = Role(chain, 0)
            views = [seat.view(role, now, window=SLOTS) for seat in stages[0] if seat.has_room(role, SLOTS)]
            return find_route(chain, [views], avoid=avoid) if views else None
        roles = [Role(chain, stage) for stage in range(chain.stages)]
        travel_s = self._travel_s(chain)
        times = [[seat.service_s(role) for seat in seats] for role, seats in zip(roles, stages, strict=True)]
        journey_s = travel_s + sum(map(min, times))
        nodes = sum(map(len, stages))
        staffed = [
            [
                seat.view(role, now, window=window(own, journey_s - min(each) + own, nodes))
                for seat, own in zip(seats, each, strict=True)
            ]
            for role, seats, each in zip(roles, stages, times, strict=True)
        ]
        return find_route(chain, staffed, hop_s=travel_s / (chain.stages + 1), avoid=avoid)

    def _expect_s(self, route: Route, seats: Sequence[Seat], now: float) -> float:
        """Return in how many seconds an answer is due."""
        if route.chain.cut is None:
            seen = seats[0].measure(Role(route.chain, 0), now)
            return seen.backlog_s + seen.service_s
        stages = [[seat.measure(Role(route.chain, stage), now)] for stage, seat in enumerate(seats)]
        travel_s = self._travel_s(route.chain)
        expected = find_route(route.chain, stages, hop_s=travel_s / (len(stages) + 1))
        return (expected or route).ends[-1] + travel_s / (len(stages) + 1)

    def _travel_s(self, chain: Chain) -> float:
        known = self._travel.get(chain)
        return known.seconds if known else 0.0

    def _serve_waiters(self) -> None:
        """Grant what can be granted, in turn; who cannot be served does not hold up those of other models."""
        while self._line and (found := self._serve_one()):
            waiter, slot = found
            self._line.serve(waiter, lambda other, slot=slot: self._could_have(other, slot))  # type: ignore[misc]
            waiter.future.set_result(slot)

    def _serve_one(self) -> tuple[_Waiter, Slot] | None:
        """Grant a slot to the first in turn who can have one; None when nobody can."""
        hopeless: set[tuple[str, frozenset[Ban], frozenset[str]]] = set()
        for waiter in self._line.in_turn():
            wish = (waiter.model, waiter.without, waiter.avoid)
            if wish in hopeless or waiter.future.done():  # done: about to leave, its task is cancelled
                continue
            if slot := self._grant(*wish):
                return waiter, slot
            hopeless.add(wish)
        return None

    def _could_have(self, waiter: _Waiter, slot: Slot) -> bool:
        """Tell whether the slot's nodes do the waiter's model as well."""
        if waiter.model == slot.chain.model:
            return True
        seats = [seat for node in slot.nodes if (seat := self._seats.get(node))]
        return any(role.chain.model == waiter.model for seat in seats for role in seat.offers)


def _index(seats: Iterable[Seat]) -> dict[str, Staffed]:
    """Return, for each model, the chains that have a seat for each stage, and those seats."""
    found: dict[Chain, tuple[list[Seat], ...]] = {}
    for seat in seats:
        for role in seat.offers:
            stages = found.setdefault(role.chain, tuple([] for _ in range(role.chain.stages)))
            stages[role.stage].append(seat)
    staffed: dict[str, list[tuple[Chain, Sequence[Sequence[Seat]]]]] = {}
    for chain, stages in found.items():
        if all(stages):
            staffed.setdefault(chain.model, []).append((chain, stages))
    return dict(staffed)
