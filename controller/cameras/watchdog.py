"""When a camera counts as blind: plain functions on ages, for the parent to ask."""

from __future__ import annotations

from dataclasses import dataclass

# A loop that wakes so late was held up: its lateness, not the camera, may explain the silence.
HELD_UP = 0.1
# What it then gets to read the messages that wait.
GRACE = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a camera may be silent, in seconds."""

    # From the start of the reader to the first picture: name, connection, login, and the next key frame.
    connect: float = 10.0
    # Between pictures afterwards. Below 5, so that blindness is *flagged* within 5 s of the last frame.
    stall: float = 4.5


def deadline(limits: Limits, *, started: float, last_sign: float | None) -> float:
    """The moment at which silence becomes a fault (same clock as the arguments)."""
    return started + limits.connect if last_sign is None else last_sign + limits.stall


def excused_until(planned: float, woke: float) -> float:
    """The moment until which silence is excused, after a wait that was to end at ``planned``.

    A loop that was held up wakes with both the deadline passed and messages unread. Those are given the time
    to be read before a healthy camera is declared blind.
    """
    return woke + GRACE if woke - planned > HELD_UP else woke
