"""The choice of nodes: least expected completion among those with a free slot. Pure; times in seconds.

Queue groups share work evenly, which over unequal nodes builds a queue at the slowest without end. Waiting for the best
node starves the others. Taking the node that is expected to be done first, of those that can begin to receive now, did
best of the policies measured (benchmarks/unequal_nodes.py). A cut model is chosen for alike: stage by stage the node
that is expected to be done first, when the frame gets there.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from wire.headers import Hop
from wire.precision import Precision

SLOTS = 2
"""Frames in flight a node, or a stage: one computes while the next one travels."""


class Chain(NamedTuple):
    """What can run a model: an artefact as a whole (``cut`` None, one stage), or one cut of it."""

    model: str
    artefact: str  # digest
    cut: str | None
    stages: int
    parts: int = 0  # of the picture: so many first stages run side by side, and the one after them gathers


class Role(NamedTuple):
    """One stage of a chain: nodes that have the same role can stand in for each other."""

    chain: Chain
    stage: int


class Flight(msgspec.Struct, frozen=True):
    """A frame that was sent towards a node, as it was planned."""

    role: Role
    arrives: float  # at the node
    done: float  # there

    @property
    def stays(self) -> bool:
        """Whether its answer tells that it is done: other stages hand on, and the controller hears nothing of it."""
        return self.role.stage == self.role.chain.stages - 1


class Candidate(msgspec.Struct, frozen=True):
    """A node that has a role, as the choice sees it."""

    node: str
    free: bool  # another frame may be sent to it
    backlog_s: float  # from now until it has worked off what it has
    service_s: float  # expected for this role
    load: int = 0  # frames in flight
    wire: Precision = Precision.EXACT


class Route(msgspec.Struct, frozen=True):
    """An itinerary as it is expected to go; ``arrivals`` and ``ends`` are seconds from now, one a stage."""

    chain: Chain
    hops: tuple[Hop, ...]
    arrivals: tuple[float, ...]
    ends: tuple[float, ...]
    avoided: int  # nodes on it that had better been avoided
    load: int

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where it leads, a node a stage."""
        return tuple(hop.node for hop in self.hops)


def backlog_s(flights: Iterable[Flight], service_s: Mapping[Role, float], now: float) -> float:
    """Return in how many seconds a node will have worked off its flights, which come oldest first.

    They are worked off in order; the oldest has been worked on since it came. A role that the node has not yet had
    counts as instant, so that every node is tried.
    """
    at, oldest = now, True
    for flight in flights:
        if flight.done <= now and not flight.stays:
            continue
        need = service_s.get(flight.role, 0.0)
        at = max(at, flight.arrives + need) if oldest else max(at, flight.arrives) + need
        oldest = False
    return at - now


def find_route(
    chain: Chain, stages: Sequence[Sequence[Candidate]], *, hop_s: float = 0.0, avoid: Collection[str] = frozenset()
) -> Route | None:
    """Return the best way through a chain: at each stage the free node that is expected to be done first.

    Args:
        chain: what is to be run.
        stages: the candidates of each stage.
        hop_s: how long a frame travels between two stages.
        avoid: nodes to be taken only where a stage has no other; a route of nothing else is none.

    """
    hops, arrivals, ends = [], [], []
    arrival, avoided, load = 0.0, 0, 0
    for stage, candidates in enumerate(stages):
        best: Candidate | None = None
        least: tuple[bool, float, int, str] = (True, math.inf, 0, "")
        for each in candidates:
            if each.free:
                end = max(arrival, each.backlog_s) + each.service_s
                rank = (each.node in avoid, end, each.load, each.node)
                if best is None or rank < least:
                    best, least = each, rank
        if best is None:
            return None
        hops.append(Hop(best.node, stage, best.wire))
        arrivals.append(arrival)
        ends.append(least[1])
        avoided += least[0]
        load += best.load
        arrival = _arrive(chain, ends, hop_s)
    if avoided == len(hops):
        return None
    return Route(chain, tuple(hops), tuple(arrivals), tuple(ends), avoided, load)


def _arrive(chain: Chain, ends: Sequence[float], hop_s: float) -> float:
    """Return when a frame comes to the stage after those that end so: parts all start at once, the last one counts."""
    if len(ends) < chain.parts:
        return 0.0
    return (max(ends) if len(ends) == chain.parts else ends[-1]) + hop_s


def choose(routes: Sequence[Route]) -> Route | None:
    """Return the route with the least expected completion; among equals the shortest, the least loaded, then by name.

    One that avoids what is to be avoided comes before all others.
    """
    if len(routes) < 2:  # noqa: PLR2004 - the usual: every node has the model whole
        return routes[0] if routes else None
    return min(routes, key=lambda each: (each.avoided, each.ends[-1], len(each.hops), each.load, each.nodes))


def window(service_s: float, journey_s: float, nodes: int) -> int:
    """Return how many frames may be under way through a node that has a role in a cut model.

    As many as keep it busy while a frame makes its whole journey (Little's law), and one more: a frame's way through
    the other stages must not idle it, and more would only queue. Never more than two for each of the chain's ``nodes``:
    the one node of a stage has the frames of all nodes of the other stages on their way to it.
    """
    if service_s <= 0:
        return SLOTS
    return max(SLOTS, min(SLOTS * nodes, math.ceil(min(SLOTS * nodes, journey_s / service_s) - 1e-9) + 1))


def patience_s(expected_s: float, left_s: float) -> float:
    """Return how long to wait for an answer before another node is asked as well.

    Three times the expectation, at least a quarter of a second; but early enough that a second node has as much time as
    the first was expected to need, where the deadline allows that at all.
    """
    wanted = max(0.25, 3 * expected_s)
    latest = left_s - max(0.05, expected_s)
    return min(wanted, latest) if latest >= expected_s else wanted


def doubt_s(expected_s: float) -> float:
    """Return how long to wait for an answer before its node is asked whether it is there still: that costs nothing."""
    return max(0.1, 2 * expected_s)
