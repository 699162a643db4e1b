"""Who waits for nodes, and whose turn it is: by rank, first come first served within a rank, and nobody for ever. Pure.

Live frames go before people's requests, and those before jobs. A rank that was passed over often enough while it could
have been served is due: it goes first once. So the better ranks have what they need, and the others keep a small share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Generic, Protocol, TypeVar


class Rank(IntEnum):
    """What work is for; the smaller goes first."""

    LIVE = 0  # cameras' frames: tomorrow nobody wants them
    INTERACTIVE = 1  # somebody waits for the answer
    JOB = 2  # for as long as it takes


PATIENCE = {Rank.LIVE: 7, Rank.INTERACTIVE: 3, Rank.JOB: 7}
"""How often a rank is passed over before it is due: requests get one grant in four at least, jobs one in eight.

Live frames can be passed over by those that are due and by second tries, and are due in turn.
"""

LIMITS = {Rank.LIVE: 1024, Rank.INTERACTIVE: 256, Rank.JOB: 256}
"""How many may wait, by rank; who comes then is refused."""


class Waiting(Protocol):
    """Somebody who waits."""

    @property
    def rank(self) -> Rank:
        """What their work is for."""

    @property
    def model(self) -> str:
        """Which model it is for."""


W = TypeVar("W", bound=Waiting)


class Line(Generic[W]):
    """Those who wait. Ask :meth:`in_turn` whose turn it is, and tell :meth:`serve` who was served."""

    def __init__(self) -> None:
        self._waiting: dict[Rank, deque[W]] = {rank: deque() for rank in Rank}
        self._passed = dict.fromkeys(Rank, 0)  # grants to others since a rank was served last, while it waited

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def count(self, rank: Rank) -> int:
        """Return how many of a rank wait."""
        return len(self._waiting[rank])

    def is_full(self, rank: Rank) -> bool:
        """Tell whether nobody of the rank may join any more."""
        return len(self._waiting[rank]) >= LIMITS[rank]

    def join(self, who: W, *, first: bool = False) -> None:
        """Begin to wait, behind all others of the rank; with ``first`` before them."""
        (self._waiting[who.rank].appendleft if first else self._waiting[who.rank].append)(who)

    def leave(self, who: W) -> None:
        """Wait no longer.

        Raises:
            ValueError: they did not wait.

        """
        waiting = self._waiting[who.rank]
        waiting.remove(who)
        if not waiting:
            self._passed[who.rank] = 0

    def must_wait(self, rank: Rank, model: str) -> bool:
        """Tell whether a newcomer has somebody before them who wants the same model."""
        return bool(self) and any(
            who.model == model
            for other, waiting in self._waiting.items()
            if other <= rank or self._is_due(other)
            for who in waiting
        )

    def in_turn(self) -> Iterator[W]:
        """Yield who waits in the order in which they are to be served: ranks that are due, then by rank."""
        ranks = [rank for rank, waiting in self._waiting.items() if waiting]
        if len(ranks) > 1:
            ranks.sort(key=lambda rank: (not self._is_due(rank), rank))
        for rank in ranks:
            yield from tuple(self._waiting[rank])

    def serve(self, who: W, could_have: Callable[[W], bool]) -> None:
        """Take somebody out because they are served; ``could_have`` tells whether another could have been instead."""
        self._waiting[who.rank].remove(who)
        self._passed[who.rank] = 0
        for rank, waiting in self._waiting.items():
            if rank is not who.rank and any(could_have(other) for other in waiting):
                self._passed[rank] += 1

    def _is_due(self, rank: Rank) -> bool:
        return self._passed[rank] >= PATIENCE[rank] and bool(self._waiting[rank])


def hint_ms(ahead: int, service_s: float, places: int) -> int:
    """Return after how many milliseconds to ask again: when those ahead will have been served, between 50 ms and 10 s.

    Args:
        ahead: how many wait.
        service_s: how long one takes; 0 where that is not known.
        places: how many are served at once; 0 where nobody serves.

    """
    if not places:
        return 5000
    return round(1e3 * min(10.0, max(0.05, (ahead + 1) * service_s / places)))
