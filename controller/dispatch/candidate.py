"""The choice of a node: least expected completion among those with a free slot. Pure; times in seconds.

Queue groups share work evenly, which over unequal nodes builds a queue at the slowest without end. Waiting for the best
node starves the others. Taking the node that is expected to be done first, of those that can begin to receive now, did
best of the policies measured (benchmarks/unequal_nodes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SLOTS = 2
"""Frames in flight a node: one computes while the next one travels."""


EWMA_WEIGHT = 0.2
HALF_LIFE_S = 20.0
"""After so long without a frame an estimate is believed half as much."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A node's time for a frame of one model: a moving average that ages.

    A node that was slow once, at its first frame or while it was hot, would otherwise never be asked again. So an
    estimate that nothing renews shrinks until the node looks good enough for a try.
    """

    seconds: float
    at: float

    def aged_s(self, now: float) -> float:
        """Return what to expect now."""
        return self.seconds * self._belief(now)

    def renewed(self, seconds: float, now: float) -> Estimate:
        """Return the estimate after a frame that took ``seconds``; the older the average, the less it weighs."""
        weight = 1 - (1 - EWMA_WEIGHT) * self._belief(now)
        return Estimate(self.seconds + weight * (seconds - self.seconds), now)

    def _belief(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self.at) / HALF_LIFE_S))


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the choice needs to know of a node."""

    node: str
    in_flight: tuple[tuple[str, float], ...] = ()  # model and time of dispatch, oldest first
    service_s: Mapping[str, float] = field(default_factory=dict)  # expected time of a frame, by model

    @property
    def free(self) -> bool:
        """Whether another frame may be sent to it."""
        return len(self.in_flight) < SLOTS

    def expected_s(self, model: str, now: float) -> float:
        """Return in how many seconds a frame sent now is expected to be done.

        What is in flight is worked off in order; the oldest has been worked on since it was sent. A model that the
        node has not yet run counts as instant, so that every node is tried.
        """
        backlog = 0.0
        for position, (running, since) in enumerate(self.in_flight):
            need = self.service_s.get(running, 0.0)
            backlog += max(0.0, need - (now - since)) if position == 0 else need
        return backlog + self.service_s.get(model, 0.0)


def choose(candidates: Iterable[Candidate], model: str, now: float) -> Candidate | None:
    """Return the free candidate with the least expected completion; among equals the least loaded, then by name."""
    free = [candidate for candidate in candidates if candidate.free]
    if not free:
        return None
    return min(free, key=lambda c: (c.expected_s(model, now), len(c.in_flight), c.node))


def patience_s(expected_s: float, left_s: float) -> float:
    """Return how long to wait for a node before a second one is asked as well.

    Three times the expectation, at least a quarter of a second; but early enough that a second node has as much time as
    the first was expected to need, where the deadline allows that at all.
    """
    wanted = max(0.25, 3 * expected_s)
    latest = left_s - max(0.05, expected_s)
    return min(wanted, latest) if latest >= expected_s else wanted
