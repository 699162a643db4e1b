"""How long to wait before a camera's reader is started again."""

from __future__ import annotations

from dataclasses import dataclass

from controller.cameras.errors import FaultKind


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential growth from ``first`` to ``cap`` seconds."""

    first: float
    cap: float


# A camera that comes back must be seen within 5 s, so that the wait, the reader's start and the first
# picture together stay below that.
SOON = Backoff(first=0.2, cap=3.0)
# Cameras lock an account after a handful of wrong passwords, often for half an hour: never hammer.
PATIENT = Backoff(first=10.0, cap=60.0)

_PATIENT_KINDS = frozenset({FaultKind.REFUSED_USER})


def backoff_for(kind: FaultKind) -> Backoff:
    """The schedule that suits a fault: patient where trying again does harm, soon everywhere else."""
    return PATIENT if kind in _PATIENT_KINDS else SOON


def restart_delay(backoff: Backoff, attempt: int, chance: float) -> float:
    """Seconds to wait before restart number ``attempt`` (from 0).

    ``chance`` in [0, 1) spreads the waits over the upper half of the step, so that twenty cameras behind one
    switch do not come back in the same instant ("equal jitter", AWS Architecture Blog, 2015).
    """
    # The exponent is bounded because 2.0**1024 overflows; the cap is long reached by then.
    step = min(backoff.cap, backoff.first * 2.0 ** min(attempt, 32))
    return step * (0.5 + 0.5 * chance)
