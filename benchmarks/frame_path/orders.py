"""What the harness and the process that asks a contender say to each other: a line of JSON each way."""

from __future__ import annotations

import msgspec

from benchmarks.harness.quantiles import Quantiles


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A load to be laid on. ``window`` frames always under way, or where that is 0 ``rate`` a second; neither: none."""

    seconds: float
    window: int = 0
    rate: float = 0.0
    seed: int = 0
    kill_after_s: float = 0.0  # kill one of the workers then; 0: none


class Found(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of it. Times in seconds of processors or of the clock, latencies in milliseconds."""

    answered: int
    failed: int
    failures: tuple[str, ...]  # the first few
    seconds: float
    latency: Quantiles
    cpu_s: float  # of all processes
    job_frames: int  # that workers did; more than were asked for: some were done twice
    asked: int
    job_cpu_s: float  # of which in the job itself
    job_wall_s: float
    memory_bytes: int
    back_s: float | None = None  # from the kill until a new worker had its first frame; None: there was none


class Ready(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first frame was answered; ``said`` is what was found in it."""

    said: str
