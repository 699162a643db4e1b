"""Nodes as a courier sees them: each works off its frames in order, in its own time, and fails as told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from controller.dispatch.dispatcher import Job
from wire.errors import (
    AnswerTimeoutError,
    BadImageError,
    BrambleError,
    InternalError,
    NoCapacityError,
    NoRespondersError,
)
from wire.messages import Answer, Timings

DIGEST = "0" * 64

FAULTS: dict[str, type[BrambleError]] = {
    "gone": NoRespondersError,
    "broken": InternalError,
    "draining": NoCapacityError,
    "bad_image": BadImageError,
}


@dataclass
class SimulatedNode:
    """One node: ``faults`` are taken one a frame, None meaning a good answer and ``silent`` none at all."""

    name: str
    seconds: float
    faults: list[str | None] = field(default_factory=list)
    served: int = 0
    peak: int = 0
    _holding: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self, job: Job, within: float) -> Answer:
        self._holding += 1
        self.peak = max(self.peak, self._holding)
        try:
            async with asyncio.timeout(within):
                return await self._serve(job)
        except TimeoutError:
            raise AnswerTimeoutError(f"{self.name} did not answer") from None
        finally:
            self._holding -= 1

    async def _serve(self, job: Job) -> Answer:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "silent":
            await asyncio.Event().wait()
        if fault is not None:
            raise FAULTS[fault](f"{self.name} is {fault}")
        async with self._lock:
            await asyncio.sleep(self.seconds)
        self.served += 1
        return Answer(
            frame=job.frame,
            model=job.model,
            version="1",
            digest=DIGEST,
            nodes=(self.name,),
            width=1,
            height=1,
            timings=Timings(infer_ms=self.seconds * 1e3),
            classes=(),
        )


class SimulatedCourier:
    """Carries jobs to simulated nodes."""

    def __init__(self, *nodes: SimulatedNode) -> None:
        self.nodes = {node.name: node for node in nodes}

    async def carry(self, job: Job, node: str, *, within: float) -> Answer:
        return await self.nodes[node].work(job, within)
