"""The motion gate: which pictures are worth a model's time. Pure; the picture is a small gray one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]

GATE_WIDTH = 160
GATE_HEIGHT = 90


@dataclass(frozen=True, slots=True)
class MotionPolicy:
    """When a picture passes the gate."""

    threshold: float = 0.005  # share of changed pixels that opens the gate, 0..1
    hold: float = 2.0  # seconds that the gate stays open after the last motion
    keepalive: float | None = 10.0  # a picture passes at least this often, in seconds; None: never without motion
    pixel_delta: int = 20  # gray levels (of 255) by which a pixel must differ from the background to count
    learning_rate: float = 0.05  # share by which each picture moves the background, 0..1


@dataclass(frozen=True, slots=True)
class MotionState:
    """What the gate remembers between two pictures."""

    background: npt.NDArray[np.float32]  # [GATE_HEIGHT, GATE_WIDTH], slow average of what was seen
    open_until: float  # seconds on the caller's clock; in the past: the gate is closed
    last_passed: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture passes, and how much of it changed (None for the very first one)."""

    passed: bool
    motion: float | None


def judge_motion(
    state: MotionState | None, gray: Gray, now: float, policy: MotionPolicy
) -> tuple[MotionState, Verdict]:
    """Decide on one picture of shape ``[GATE_HEIGHT, GATE_WIDTH]``; ``now`` in seconds, monotonic.

    A running average rather than the previous picture is the reference, because slow movers differ little from
    one picture to the next. Once open the gate stays open down to half the threshold (hysteresis). The first
    picture always passes.
    """
    if state is None:
        return MotionState(gray.astype(np.float32), now, now), Verdict(passed=True, motion=None)
    difference = gray - state.background
    share = float(np.count_nonzero(np.abs(difference) > policy.pixel_delta)) / gray.size
    is_open = now < state.open_until
    moving = share >= (policy.threshold / 2 if is_open else policy.threshold)
    open_until = now + policy.hold if moving else state.open_until
    overdue = policy.keepalive is not None and now - state.last_passed >= policy.keepalive
    passed = moving or is_open or overdue
    background = state.background + policy.learning_rate * difference
    return (
        MotionState(background.astype(np.float32, copy=False), open_until, now if passed else state.last_passed),
        Verdict(passed=passed, motion=share),
    )


def is_still(previous: Gray | None, gray: Gray) -> bool:
    """Whether two pictures are equal to the last bit, which a live sensor's noise does not allow."""
    return previous is not None and bool(np.array_equal(previous, gray))
