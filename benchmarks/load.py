"""Load on a subject: as fast as a window allows, or at random times at a given rate."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.harness.load import WITHIN_S, Ask, Load, Seen
from controller.results.latency import percentile
from wire.bus import Bus
from wire.errors import BusError, error_from_json

_HEADERS = {"Bramble-Deadline-Ms": str(round(WITHIN_S * 1000))}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a load saw."""

    answered: int
    failed: int
    seconds: float
    latencies_s: tuple[float, ...]  # ascending

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    def at(self, share: float) -> float:
        """Return a percentile of the latency in seconds."""
        return percentile(list(self.latencies_s), share)


def ask_subject(bus: Bus, subject: str) -> Ask:
    """Return what asks that subject; an error that comes back is raised."""

    async def ask(picture: bytes) -> bytes:
        reply = await bus.data.request(subject, picture, headers=_HEADERS, within=WITHIN_S)
        if (error := error_from_json(reply.data)) is not None:
            raise BusError(str(error))
        return reply.data

    return ask


async def saturate(bus: Bus, subject: str, picture: bytes, *, window: int, seconds: float) -> Measured:
    """Keep ``window`` requests under way for ``seconds``; those still open at the end are waited for, not counted."""
    started = time.perf_counter()
    seen = await Load(ask_subject(bus, subject), picture).keep(window, seconds)
    return measure(seen, min(seconds, time.perf_counter() - started))


async def arrive(ask: Ask, picture: bytes, *, rate: float, seconds: float, seed: int) -> Measured:
    """Ask at exponentially distributed intervals, ``rate`` a second on average."""
    started = time.perf_counter()
    seen = await Load(ask, picture).arrive(rate, seconds, seed)
    return measure(seen, time.perf_counter() - started)


def measure(seen: Seen, seconds: float) -> Measured:
    """Return what was seen in so many seconds."""
    return Measured(len(seen.latencies_s), seen.failed, seconds, tuple(sorted(seen.latencies_s)))
