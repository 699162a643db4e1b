"""Time for the reader: when a recorded picture is due, and which pictures a frame limit lets through. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# A recording that is this far behind its own clock is not caught up in a burst: time simply shifts.
MAX_LAG = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """Maps a recording's own time onto the reader's clock."""

    origin: float  # the clock's reading at recording time 0


def due_at(pace: Pace | None, at: float, now: float) -> tuple[Pace, float]:
    """When the picture at recording time ``at`` (seconds) is due on the clock of ``now``.

    Starts the pace at the first picture, and shifts it when decoding falls behind by more than MAX_LAG or the
    recording's own time jumps ahead by more than a minute (broken time stamps).
    """
    if pace is None:
        return Pace(now - at), now
    due = pace.origin + at
    if due < now - MAX_LAG or due > now + 60.0:
        return Pace(now - at), now
    return pace, due


@dataclass(frozen=True, slots=True)
class FrameLimit:
    """Lets at most ``fps`` pictures a second through, evenly: the schedule does not drift with jitter."""

    period: float  # seconds between two pictures
    due: float = float("-inf")  # the next one passes from here on


def admit(limit: FrameLimit, now: float) -> tuple[FrameLimit, bool]:
    """Whether a picture at ``now`` passes. A tenth of a period early is on time: cameras jitter."""
    if now < limit.due - 0.1 * limit.period:
        return limit, False
    start = limit.due if now - limit.due < limit.period else now
    return FrameLimit(limit.period, start + limit.period), True
