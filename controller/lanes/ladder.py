"""The degradation ladder: rather a smaller model, fewer frames or mere motion than nothing; and back up again. Pure.

A lane is held against what its camera's policy wants at least. When that is missed for ``DOWN_S``, it steps down one
rung; when a rung has done well for a while, it tries the one above. A try that fails soon doubles the wait before the
next, so that a cluster at its limit settles instead of swinging; a node that joins makes it short again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

DOWN_S = 3.0
UP_S = 10.0
MAX_UP_S = 320.0
PROBATION_S = 10.0
"""A step up that is taken back within this time has failed."""

GRACE_S = 2.0
"""After a step, the frames under way still show the rung before."""

ENOUGH = 0.8
"""Of the wanted rate: below it the want is missed."""

ACCELERATOR_S = 5.0
"""So long an accelerator has to be away, or back, to be believed."""


class Rung(StrEnum):
    """From the best to the least."""

    FULL = "full"
    CPU = "cpu"  # the model has a variant for an accelerator, and no node with one is ready
    SMALLER_MODEL = "smaller_model"
    FEWER_FRAMES = "fewer_frames"  # only as many as the policy wants at least
    MOTION_ONLY = "motion_only"  # no model looks


STEPS = (Rung.FULL, Rung.SMALLER_MODEL, Rung.FEWER_FRAMES, Rung.MOTION_ONLY)
"""The rungs that are stepped on; CPU is what FULL is called while the accelerator is away."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A lane over the last tick."""

    seconds: float
    arrived: int  # frames that were to be looked at: neither gated nor thinned out on purpose
    answered: int
    min_fps: float  # what the policy wants at least
    nodes: int  # that serve the model, or the smaller one
    has_fallback: bool  # a smaller model is named, and some node serves it
    accelerator_missing: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where a lane stands. ``now`` is a monotonic clock's seconds."""

    step: int = 0
    since: float = 0.0
    bad_since: float | None = None
    wait_s: float = UP_S  # before the next try of the rung above
    tried_at: float | None = None  # the last step up
    nodes: int = 0
    cpu: bool = False
    cpu_changing_since: float | None = None
    reason: str = ""  # of the last step down

    @property
    def rung(self) -> Rung:
        """The rung as it is told."""
        step = STEPS[self.step]
        return Rung.CPU if step is Rung.FULL and self.cpu else step


def climb(ladder: Ladder, reading: Reading, now: float) -> Ladder:
    """Return where a lane stands after a reading; at most one step away."""
    ladder = _watch_accelerator(ladder, reading, now)
    ladder = replace(ladder, nodes=reading.nodes, wait_s=UP_S if reading.nodes > ladder.nodes else ladder.wait_s)
    if STEPS[ladder.step] is Rung.SMALLER_MODEL and not reading.has_fallback:
        return _step_down(ladder, reading, now, "the smaller model is not served")
    if _misses(ladder, reading, now):
        bad_since = now if ladder.bad_since is None else ladder.bad_since
        ladder = replace(ladder, bad_since=bad_since)
        if now - bad_since >= DOWN_S and ladder.step < len(STEPS) - 1:
            rate = reading.answered / reading.seconds
            return _step_down(ladder, reading, now, f"{rate:.1f} of {_wanted(reading):.1f} frames a second answered")
        return ladder
    if reading.arrived or STEPS[ladder.step] is Rung.MOTION_ONLY:
        ladder = replace(ladder, bad_since=None)
    return _try_up(ladder, reading, now)


def _wanted(reading: Reading) -> float:
    return min(reading.min_fps, reading.arrived / reading.seconds)


def _misses(ladder: Ladder, reading: Reading, now: float) -> bool:
    if not reading.arrived or STEPS[ladder.step] is Rung.MOTION_ONLY or now - ladder.since < GRACE_S:
        return False
    return reading.answered / reading.seconds < ENOUGH * _wanted(reading)


def _step_down(ladder: Ladder, reading: Reading, now: float, reason: str) -> Ladder:
    failed = ladder.tried_at is not None and now - ladder.tried_at <= PROBATION_S + DOWN_S
    step = ladder.step + 1
    if STEPS[step] is Rung.SMALLER_MODEL and not reading.has_fallback:
        step += 1
    wait_s = min(MAX_UP_S, ladder.wait_s * 2) if failed else ladder.wait_s
    return replace(ladder, step=step, since=now, bad_since=None, wait_s=wait_s, tried_at=None, reason=reason)


def _try_up(ladder: Ladder, reading: Reading, now: float) -> Ladder:
    settled = ladder.tried_at is not None and now - ladder.tried_at > PROBATION_S + DOWN_S
    if settled:  # the last try has held
        ladder = replace(ladder, wait_s=UP_S, tried_at=None)
    if ladder.step == 0 or ladder.bad_since is not None or now - ladder.since < ladder.wait_s:
        return ladder
    step = ladder.step - 1
    if STEPS[step] is Rung.SMALLER_MODEL and not reading.has_fallback:
        step -= 1
    return replace(ladder, step=step, since=now, bad_since=None, tried_at=now)


def _watch_accelerator(ladder: Ladder, reading: Reading, now: float) -> Ladder:
    if reading.accelerator_missing == ladder.cpu:
        return replace(ladder, cpu_changing_since=None)
    since = now if ladder.cpu_changing_since is None else ladder.cpu_changing_since
    if now - since >= ACCELERATOR_S:
        return replace(ladder, cpu=reading.accelerator_missing, cpu_changing_since=None)
    return replace(ladder, cpu_changing_since=since)
