"""When a running plan gives way to a better one. Pure; ``now`` is a monotonic clock's seconds.

A change costs loading, memory for two layouts at a time, and the trust of whoever watches. So a better plan must be
better by a margin, for a while, and not too soon after the last change; only a plan that no longer works goes at once.
The number of changes in any time is bounded, whatever the measurements do: see :data:`INTERVAL_S`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

GAIN = 0.25
"""A better plan has to be so much better: above the prediction's error of 15 %, on both sides of the comparison."""
ADDITION_GAIN = 0.02
"""Where nodes are only added, nothing that runs is disturbed: less will do."""
HOLD_S = 15.0
"""It has to stay so much better for so long. A dip below half of the gain begins the wait anew."""
INTERVAL_S = 60.0
"""Between two changes of a plan that works, at least."""
REPAIR_S = 2.0
"""Between two changes of a plan that does not, at least."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one model's plan."""

    changed_at: float  # when it was last changed
    better_since: float | None = None  # since when something else is better by the margin


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do now."""

    change: bool
    reason: str = ""


KEEP = Verdict(change=False)


def judge(watch: Watch, now: float, *, gain: float | None, only_adds: bool = False) -> tuple[Watch, Verdict]:
    """Say whether to change to the best plan there is now.

    Args:
        watch: what is remembered.
        now: the time.
        gain: how much better the best plan is than the running one, a share; None: the running one works no more.
        only_adds: the best plan is the running one with more nodes.

    """
    if gain is None:
        if now - watch.changed_at < REPAIR_S:
            return watch, KEEP
        return Watch(now), Verdict(change=True, reason="the plan in force cannot run any more")
    wanted = ADDITION_GAIN if only_adds else GAIN
    if gain < wanted / 2 or (gain < wanted and watch.better_since is None):
        return replace(watch, better_since=None), KEEP
    since = now if watch.better_since is None else watch.better_since
    watch = replace(watch, better_since=since)
    if gain < wanted or now - since < HOLD_S or now - watch.changed_at < INTERVAL_S:
        return watch, KEEP
    return Watch(now), Verdict(change=True, reason=f"another plan has been {gain:.0%} better for {now - since:.0f} s")
