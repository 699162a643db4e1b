"""Asks a model as fast as it answers, for a few seconds: what the cluster really gives."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from cli.cluster import Cluster
from wire.errors import BrambleError
from wire.headers import InferOptions

DEADLINE_MS = 10_000
WARM_UP = 0.25
"""Share of the time that comes first and does not count."""


@dataclass(frozen=True, slots=True)
class Saturated:
    """What was seen."""

    answered: int
    seconds: float
    failed: tuple[str, ...]  # what the errors said, each kind once
    alone_s: float  # the median of frames sent one after another

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0


async def saturate(cluster: Cluster, model: str, picture: bytes, *, window: int, seconds: float) -> Saturated:
    """Keep ``window`` requests under way for so many seconds after some to warm up, then a few one by one."""
    options = InferOptions(deadline_ms=DEADLINE_MS)
    failures: dict[str, None] = {}
    answered: list[float] = []
    begun = time.perf_counter()
    counting, end = begun + WARM_UP * seconds, begun + (1 + WARM_UP) * seconds

    async def keep_asking() -> None:
        while time.perf_counter() < end:
            try:
                await cluster.infer(model, picture, options)
            except BrambleError as error:
                failures[error.message] = None
                await asyncio.sleep(0.01)  # errors come fast: do not flood
            else:
                answered.append(time.perf_counter())

    await asyncio.gather(*(keep_asking() for _ in range(window)))
    counted = sum(counting <= at < end for at in answered)
    alone = [await _time_one(cluster, model, picture, options) for _ in range(5)] if not failures else []
    return Saturated(counted, end - counting, tuple(failures), sorted(alone)[len(alone) // 2] if alone else 0.0)


async def _time_one(cluster: Cluster, model: str, picture: bytes, options: InferOptions) -> float:
    begun = time.perf_counter()
    await cluster.infer(model, picture, options)
    return time.perf_counter() - begun


def make_gray() -> bytes:
    """Return a picture for models that have no known one: 640x480, all gray."""
    import numpy as np  # noqa: PLC0415 - few commands need it

    from modelkit.picture import encode_jpeg  # noqa: PLC0415 - likewise

    return encode_jpeg(np.full((480, 640, 3), 128, np.uint8))
