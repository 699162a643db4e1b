"""Nodes as a courier sees them: each works off its frames in order, in its own time, and fails as told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from controller.dispatch.candidate import Chain, Role
from controller.dispatch.job import Job
from controller.dispatch.pool import Pool
from wire.errors import (
    AnswerTimeoutError,
    BadImageError,
    BrambleError,
    InternalError,
    InvalidTensorError,
    ModelRejectedError,
    NoCapacityError,
    NoRespondersError,
)
from wire.headers import Hop
from wire.messages import Answer, StageTimings, Timings
from wire.precision import Precision

DIGEST = "0" * 64

FAULTS: dict[str, type[BrambleError]] = {
    "gone": NoRespondersError,
    "broken": InternalError,
    "draining": NoCapacityError,
    "bad_image": BadImageError,
    "bad_tensor": InvalidTensorError,
}


@dataclass
class SimulatedNode:
    """One node: ``faults`` are taken one a frame, None meaning a good answer and ``silent`` none at all."""

    name: str
    seconds: float
    faults: list[str | None] = field(default_factory=list)
    refused: set[Chain] = field(default_factory=set)  # what it does not serve any more
    served: int = 0
    peak: int = 0
    _holding: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def serve(self, chain: Chain, seconds: float) -> StageTimings:
        """Take a frame as told, and say how long it took."""
        clock = asyncio.get_running_loop().time
        came = clock()
        if chain in self.refused:
            raise ModelRejectedError(f"{self.name} serves another cut", node=self.name)
        self._holding += 1
        self.peak = max(self.peak, self._holding)
        try:
            fault = self.faults.pop(0) if self.faults else None
            if fault == "silent":
                await asyncio.Event().wait()
            if fault is not None:
                raise FAULTS[fault](f"{self.name} is {fault}", node=self.name)
            async with self._lock:
                queue_s = clock() - came
                await asyncio.sleep(seconds)
            self.served += 1
            return StageTimings(node=self.name, queue_ms=queue_s * 1e3, infer_ms=seconds * 1e3)
        finally:
            self._holding -= 1


class SimulatedCourier:
    """Carries jobs to simulated nodes, from one to the next where a model is cut: each stage takes an equal part."""

    def __init__(self, *nodes: SimulatedNode) -> None:
        self.nodes = {node.name: node for node in nodes}

    async def carry(self, job: Job, chain: Chain, hops: tuple[Hop, ...], *, within: float) -> Answer:
        stages = []
        try:
            async with asyncio.timeout(within):
                for hop in hops:
                    node = self.nodes[hop.node]
                    seconds = node.seconds / len(hops)
                    stages.append(await node.serve(chain, seconds))
        except TimeoutError:
            raise AnswerTimeoutError(f"nobody answered for {job.frame}") from None
        return Answer(
            frame=job.frame,
            model=job.model,
            version="1",
            digest=DIGEST,
            nodes=tuple(hop.node for hop in hops),
            width=1,
            height=1,
            timings=Timings(
                queue_ms=sum(stage.queue_ms for stage in stages), infer_ms=sum(stage.infer_ms for stage in stages)
            ),
            cut=chain.cut,
            stages=tuple(stages) if chain.cut else (),
            classes=(),
        )


def whole(model: str) -> Role:
    """Return the role of a node that runs all of a model."""
    return Role(Chain(model, DIGEST, None, 1), 0)


def seat_whole(
    pool: Pool, node: SimulatedNode, model: str, *, session: str = "s", seconds: float | None = None
) -> None:
    """Admit a node that runs all of a model and says that it takes so long."""
    role = whole(model)
    pool.seat(node.name, {role: Precision.EXACT}, session, {role: node.seconds if seconds is None else seconds})
