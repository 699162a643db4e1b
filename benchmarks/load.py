"""Load on a subject: as fast as a window allows, or at random times at a given rate."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from controller.results.latency import percentile
from wire.bus import Bus
from wire.errors import BrambleError, error_from_json

WITHIN_S = 60.0


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


async def saturate(bus: Bus, subject: str, picture: bytes, *, window: int, seconds: float) -> Measured:
    """Keep ``window`` requests under way for ``seconds``; those still open at the end are waited for, not counted."""
    load = _Load(bus, subject, picture)
    end = time.perf_counter() + seconds
    started = time.perf_counter()

    async def keep_asking() -> None:
        while time.perf_counter() < end:
            await load.ask(count_until=end)

    await asyncio.gather(*(keep_asking() for _ in range(window)))
    return load.measured(min(seconds, time.perf_counter() - started))


async def arrive(bus: Bus, subject: str, picture: bytes, *, rate: float, seconds: float, seed: int) -> Measured:
    """Send requests at exponentially distributed intervals, ``rate`` a second on average."""
    load = _Load(bus, subject, picture)
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    started = time.perf_counter()
    at = 0.0
    async with asyncio.TaskGroup() as tasks:
        while (at := at + chance.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, started + at - time.perf_counter()))
            tasks.create_task(load.ask())
    return load.measured(time.perf_counter() - started)


class _Load:
    def __init__(self, bus: Bus, subject: str, picture: bytes) -> None:
        self._bus = bus
        self._subject = subject
        self._picture = picture
        self._latencies: list[float] = []
        self._failed = 0

    async def ask(self, *, count_until: float = float("inf")) -> None:
        started = time.perf_counter()
        try:
            headers = {"Bramble-Deadline-Ms": str(round(WITHIN_S * 1000))}
            reply = await self._bus.data.request(self._subject, self._picture, headers=headers, within=WITHIN_S)
            failed = error_from_json(reply.data) is not None
        except BrambleError:
            failed = True
        ended = time.perf_counter()
        if failed:
            self._failed += 1
        elif ended <= count_until:
            self._latencies.append(ended - started)

    def measured(self, seconds: float) -> Measured:
        return Measured(len(self._latencies), self._failed, seconds, tuple(sorted(self._latencies)))
