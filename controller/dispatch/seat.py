"""The pool's own record of one node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.dispatch.candidate import Candidate, Flight, Role, backlog_s
from controller.dispatch.estimate import Estimate
from wire.precision import Precision

Offers = Mapping[Role, Precision]
"""What a node may be given to do, and the precision in which it is to send on what it computed."""


@dataclass(slots=True)
class Seat:
    """One node: what it offers, what it has in flight, and how long things take there."""

    node: str
    session: str
    offers: Offers
    service: dict[Role, Estimate] = field(default_factory=dict)
    in_flight: dict[tuple[int, int], Flight] = field(default_factory=dict)  # by slot and stage, oldest first
    barred: bool = False  # failed at its last frame: no work until its next heartbeat

    def has_room(self, role: Role, window: int) -> bool:
        """Tell whether another frame may be sent to the node in a role, in which it may have ``window``."""
        return len(self.in_flight) < window or self._count(role) < window

    def view(self, role: Role, now: float, *, window: int) -> Candidate:
        """Return what the choice sees of the node in a role, in which it may have ``window`` frames."""
        wire = Precision.EXACT if role.chain.cut is None else self.offers[role]
        service_s = self.expect_s(role, now)
        if not self.in_flight:
            return Candidate(self.node, True, 0.0, service_s, 0, wire)
        flights = self.in_flight.values()
        services = {role: service_s}
        for flight in flights:
            if flight.role not in services:
                services[flight.role] = self.expect_s(flight.role, now)
        free = self.has_room(role, window)
        return Candidate(self.node, free, backlog_s(flights, services, now), service_s, len(flights), wire)

    def measure(self, role: Role, now: float) -> Candidate:
        """Return the same by what was measured last, which patience goes by: it does not believe in ageing."""
        if not self.in_flight:
            return Candidate(self.node, True, 0.0, self.service_s(role))
        flights = self.in_flight.values()
        services = {flight.role: self.service_s(flight.role) for flight in flights}
        return Candidate(self.node, True, backlog_s(flights, services, now), self.service_s(role))

    def _count(self, role: Role) -> int:
        """How many frames stand against the window: whole models share a node's, each stage of a cut has its own."""
        if role.chain.cut is None:
            return sum(flight.role.chain.cut is None for flight in self.in_flight.values())
        return sum(flight.role == role for flight in self.in_flight.values())

    def expect_s(self, role: Role, now: float) -> float:
        """Return how long the role should take, aged; 0 before the first frame."""
        known = self.service.get(role)
        return known.aged_s(now) if known else 0.0

    def service_s(self, role: Role) -> float:
        """Return how long the role took lately; 0 before the first frame."""
        known = self.service.get(role)
        return known.seconds if known else 0.0

    def learn(self, role: Role, seconds: float, now: float) -> None:
        """Take note of how long a frame took."""
        known = self.service.get(role)
        self.service[role] = known.renewed(seconds, now) if known else Estimate(seconds, now)
