"""What becomes of a job whose try failed. Pure."""

from __future__ import annotations

from enum import StrEnum

from wire.errors import BrambleError, ErrorCode

MAX_TRIES = 3
"""Tries of one controller; the dispatcher asks a second node within each."""

MAX_DELIVERIES = 20
"""So often the queue hands a job out: controllers that die with it, and servers that restart, count here."""

TRY_S = 30.0
FIRST_PAUSE_S = 0.5
LAST_PAUSE_S = 10.0

ITS_OWN_FAULT = frozenset({ErrorCode.BAD_IMAGE, ErrorCode.TOO_LARGE, ErrorCode.BAD_REQUEST, ErrorCode.INVALID_TENSOR})
"""Another try, and another node, would say the same."""

NOBODY_TRIED = frozenset({ErrorCode.NO_CAPACITY, ErrorCode.UNKNOWN_MODEL})
"""No node has looked at it: a job waits for as long as that takes, and this counts as no try."""


class Verdict(StrEnum):
    """What to do next."""

    WAIT = "wait"  # for capacity; not counted
    RETRY = "retry"
    REFUSE = "refuse"  # ends as failed; trying again makes no sense, so the picture is not kept
    BURY = "bury"  # ends as failed; the picture is kept for `bramble jobs retry`


def judge(error: BrambleError, tries: int) -> Verdict:
    """Decide about a job after its ``tries``-th try ended in ``error``."""
    if error.code in ITS_OWN_FAULT:
        return Verdict.REFUSE
    if error.code in NOBODY_TRIED:
        return Verdict.WAIT
    return Verdict.RETRY if tries < MAX_TRIES else Verdict.BURY


def pause_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row, the first counted as 1."""
    return float(min(LAST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16)))
