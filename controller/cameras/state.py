"""What is known of a camera at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Phase = Literal["starting", "live", "blind", "ended"]

# The rate is measured over the pictures of the last so many seconds.
RATE_WINDOW = 5.0


@dataclass(frozen=True, slots=True)
class CameraState:
    """One camera, for people and programs. Holds no password."""

    phase: Phase
    reason: str  # in words, with the remedy; empty while all is well
    since: float  # unix seconds at which the phase or the reason changed
    frames: int  # pictures offered so far: sent, gated and superseded
    restarts: int  # times that the reader was started again
    fps: float  # pictures offered a second, of late
    last_frame_at: float | None  # unix seconds at which the last one was captured
    jitter: float = 0.0  # seconds by which pictures come early or late, of late
    codec: str = ""  # as the reader found it; empty before, and where there is none


def measure_rate(times: Sequence[float], now: float) -> float:
    """Pictures a second, from the ascending times of the latest ones; same clock as ``now``.

    The current gap counts as soon as it is longer than the usual one, so that the rate of a camera that stalls
    falls instead of freezing.
    """
    recent = [time for time in times if now - time <= RATE_WINDOW]
    if len(recent) < 2:  # noqa: PLR2004 - a rate needs two points
        return 0.0
    spans = len(recent) - 1
    usual = (recent[-1] - recent[0]) / spans
    span = recent[-1] - recent[0] + max(0.0, now - recent[-1] - usual)
    return spans / span if span > 0 else 0.0


def measure_jitter(times: Sequence[float], now: float) -> float:
    """By how many seconds the gaps between the latest pictures differ from their mean, on average; same clock."""
    recent = [time for time in times if now - time <= RATE_WINDOW]
    gaps = [later - earlier for earlier, later in pairwise(recent)]
    if not gaps:
        return 0.0
    usual = sum(gaps) / len(gaps)
    return sum(abs(gap - usual) for gap in gaps) / len(gaps)
