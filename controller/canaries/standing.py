"""When a node gets a canary frame, and what its answer means for it. Pure; ``now`` is a monotonic clock's seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

PERIOD_S = 60.0
"""Between two canaries of a node and model, give or take a quarter, so that nodes are not asked in step."""

DOUBT_S = 2.0
"""Between canaries of a node that is fenced or was too slow."""

PASSES = 3
"""So many right answers in a row bring a fenced node back."""

SLOW_LIMIT = 3
"""So many canaries in a row without an answer in time fence a node that still has its heartbeat."""


class Verdict(StrEnum):
    """What became of a canary."""

    RIGHT = "right"
    WRONG = "wrong"  # another answer than the known one
    SLOW = "slow"  # none in time
    VOID = "void"  # it could not be asked: gone, busy, without the model; the dispatcher's business


@dataclass(frozen=True, slots=True)
class Standing:
    """One node's for one artefact of one model."""

    due_at: float
    fenced: bool = False
    reason: str = ""
    passed: int = 0
    slow: int = 0

    def after(self, verdict: Verdict, reason: str, now: float, chance: float) -> Standing:
        """Return the standing after a canary; ``chance`` in [0, 1) spreads the next one."""
        match verdict:
            case Verdict.VOID:
                return replace(self, due_at=now + DOUBT_S * (1 + chance))
            case Verdict.RIGHT if self.fenced and self.passed + 1 < PASSES:
                return replace(self, due_at=now + DOUBT_S, passed=self.passed + 1, slow=0)
            case Verdict.RIGHT:
                return Standing(next_due(now, chance))
            case Verdict.SLOW if not self.fenced and self.slow + 1 < SLOW_LIMIT:
                return replace(self, due_at=now + DOUBT_S, slow=self.slow + 1)
        # A node that stays wrong is asked ever more rarely only down to the period: it may be mended at any time.
        delay = DOUBT_S if not self.fenced else min(PERIOD_S, 5 * DOUBT_S)
        return Standing(now + delay, fenced=True, reason=reason or self.reason)


def next_due(now: float, chance: float) -> float:
    """Return when a node in good standing is asked again."""
    return now + PERIOD_S * (0.75 + 0.5 * chance)


def choose_due(standings: dict[tuple[str, str], Standing], now: float) -> tuple[str, str] | None:
    """Return the node and model whose canary is due longest, if any is."""
    due = [(each.due_at, key) for key, each in standings.items() if each.due_at <= now]
    return min(due)[1] if due else None
