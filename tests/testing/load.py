"""Requests that are made all the time, while a test does something to the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.bench_cluster import MODEL, BenchCluster
from tests.agent_testing.models import make_jpeg
from wire.errors import BrambleError
from wire.headers import InferOptions
from wire.messages import Result

AT_ONCE = 4
AGAIN_S = 0.1
PATIENT = InferOptions(deadline_ms=60_000)


@dataclass
class Load:
    """What came of the requests."""

    bench: BenchCluster
    results: list[Result] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def keep_asking(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                found = await self.bench.cluster.infer(MODEL, make_jpeg(), PATIENT)
            except BrambleError as error:
                self.failures.append(error.message)
                await asyncio.sleep(AGAIN_S)  # a connection that is gone refuses at once: nothing else would ever run
            else:
                assert isinstance(found, Result)
                self.results.append(found)

    async def wait_for_answers(self, enough: int) -> None:
        """Wait until there are so many more answers, good or bad."""
        wanted = len(self.results) + len(self.failures) + enough

        async def has_grown() -> bool:
            return len(self.results) + len(self.failures) >= wanted

        await self.bench.wait_until(has_grown)


@asynccontextmanager
async def under_load(bench: BenchCluster) -> AsyncIterator[Load]:
    """Keep some requests under way for the time of an ``async with``."""
    load = Load(bench)
    asking = [asyncio.create_task(load.keep_asking()) for _ in range(AT_ONCE)]
    try:
        yield load
    finally:
        for task in asking:
            task.cancel()
        ends = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
