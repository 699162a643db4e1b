"""Load on anything that can be asked: some frames always under way, or frames at random times."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Ask = Callable[[bytes], Awaitable[object]]
"""Takes a picture and returns what was found; raises whatever it raises when it fails."""

WITHIN_S = 60.0


@dataclass(slots=True)
class Seen:
    """What came back. Only frames that were asked for and answered within the time of the load are counted."""

    latencies_s: list[float] = field(default_factory=list)
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    asked: int = 0
    late: int = 0  # answered after the end


class Load:
    """Asks and notes."""

    def __init__(self, ask: Ask, picture: bytes) -> None:
        self._ask = ask
        self._picture = picture

    async def keep(self, window: int, seconds: float) -> Seen:
        """Have ``window`` frames under way for some seconds; wait for the last ones too."""
        seen = Seen()
        end = time.perf_counter() + seconds

        async def one_after_another() -> None:
            while time.perf_counter() < end:
                await self._once(seen, end)

        await asyncio.gather(*(one_after_another() for _ in range(window)))
        return seen

    async def arrive(self, rate: float, seconds: float, seed: int) -> Seen:
        """Ask at exponentially distributed intervals, ``rate`` a second on average."""
        seen = Seen()
        chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        started, at = time.perf_counter(), 0.0
        async with asyncio.TaskGroup() as tasks:
            while (at := at + chance.expovariate(rate)) < seconds:
                await asyncio.sleep(max(0.0, started + at - time.perf_counter()))
                tasks.create_task(self._once(seen, float("inf")))
        return seen

    async def _once(self, seen: Seen, end: float) -> None:
        seen.asked += 1
        started = time.perf_counter()
        try:
            await asyncio.wait_for(self._ask(self._picture), WITHIN_S)
        except Exception as error:  # noqa: BLE001 - each contender fails in its own way; it is counted and told
            seen.failed += 1
            seen.failures.append(f"{type(error).__name__}: {error}"[:200])
            await asyncio.sleep(0.01)  # whoever fails at once must not be asked ten thousand times a second
            return
        ended = time.perf_counter()
        if ended <= end:
            seen.latencies_s.append(ended - started)
        else:
            seen.late += 1
