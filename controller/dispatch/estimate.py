"""How long something takes: a moving average that ages. Pure; times in seconds."""

from __future__ import annotations

import msgspec

EWMA_WEIGHT = 0.2
OUTLIER = 4.0
"""No frame counts as more than so many times what was expected: one that a machine was frozen, or swapped out, in the
middle of says nothing of the next. A node that is slower from now on is found out within a few frames all the same."""
HALF_LIFE_S = 20.0
"""After so long without a frame an estimate is believed half as much."""


class Estimate(msgspec.Struct, frozen=True):
    """A node's time for a frame of one model or stage: a moving average that ages.

    A node that was slow once, at its first frame or while it was hot, would otherwise never be asked again. So an
    estimate that nothing renews shrinks until the node looks good enough for a try.
    """

    seconds: float
    at: float

    def aged_s(self, now: float) -> float:
        """Return what to expect now."""
        return self.seconds * self._belief(now)

    def renewed(self, seconds: float, now: float) -> Estimate:
        """Return the estimate after a frame that took ``seconds``; the older the average, the less it weighs."""
        weight = 1 - (1 - EWMA_WEIGHT) * self._belief(now)
        counted = min(seconds, OUTLIER * self.seconds) if self.seconds > 0 else seconds
        return Estimate(self.seconds + weight * (counted - self.seconds), now)

    def _belief(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self.at) / HALF_LIFE_S))
