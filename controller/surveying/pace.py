"""How fast a node is beside its profile: throttling and neighbours show in service first. Pure; ``now`` in seconds.

Busy time over frames is what one frame takes, however many overlap, and neither a queue nor an idle hour changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wire.messages import Heartbeat, Shard
from wire.profiles import Profile

WINDOW_S = 12.0
"""So long is looked back."""
LEAST_FRAMES = 8
"""Fewer say nothing."""
DRIFT = 1.3
"""A node that is so much slower or faster than its profile should be measured anew."""
REMEASURE_S = 600.0
"""But not so soon after the last time: its frames may just be other ones than the known picture."""
NOTICE = 1.1
"""Less than so much slower is noise."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a heartbeat said."""

    at: float
    session: str
    busy_s: float
    served: Mapping[Shard, int]


@dataclass(frozen=True, slots=True)
class Pace:
    """The heartbeats of one node in the window, oldest first."""

    samples: tuple[Sample, ...] = ()

    def after(self, beat: Heartbeat, now: float) -> Pace:
        """Return the pace after another heartbeat; an agent that started again begins anew."""
        sample = Sample(now, beat.session, beat.busy_s, {each.shard: each.served for each in beat.shards})
        kept = tuple(each for each in self.samples if each.session == beat.session and now - each.at <= WINDOW_S)
        return Pace((*kept, sample))

    def compare(self, expect: Callable[[Shard], float | None]) -> float | None:
        """Return how much longer frames took than ``expect`` says of each shard; None where too few came to say."""
        if len(self.samples) < 2:  # noqa: PLR2004 - a difference takes two
            return None
        first, last = self.samples[0], self.samples[-1]
        frames, expected = 0, 0.0
        for shard, served in last.served.items():
            count = max(0, served - first.served.get(shard, 0))
            each = expect(shard)
            if count and each is None:
                return None  # something else ran here of which nothing is known
            frames += count
            expected += count * (each or 0.0)
        if frames < LEAST_FRAMES or expected <= 0:
            return None
        return (last.busy_s - first.busy_s) / expected


def expect_seconds(profile: Profile, shard: Shard) -> float | None:
    """Return what a frame should take of a shard; None where the profile does not tell."""
    marks = dict(zip((0, *profile.at), (0.0, *profile.seconds), strict=False))
    if shard.stages == 1:
        return profile.frame_s + profile.seconds[-1] + profile.result_s
    last = shard.stage == shard.stages - 1
    start, end = marks.get(shard.start), profile.seconds[-1] if last else marks.get(shard.end)
    if start is None or end is None:
        return None
    return max(0.0, end - start) + profile.frame_s * (shard.stage == 0) + profile.result_s * last


def to_scale(ratio: float | None) -> float:
    """Return the factor for the times of a profile: those of a slower node; a faster one is measured anew instead."""
    return ratio if ratio is not None and ratio > NOTICE else 1.0


def has_drifted(ratio: float | None) -> bool:
    """Tell whether a node should be measured anew."""
    return ratio is not None and not 1 / DRIFT < ratio < DRIFT
