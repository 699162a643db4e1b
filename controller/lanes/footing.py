"""A lane's footing on the degradation ladder: what it asks of which model, and what it counts to be judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.cameras.pacing import FrameLimit, admit
from controller.lanes.ladder import STEPS, Ladder, Reading, Rung, climb
from wire.cameras import LadderPolicy

ACCELERATORS = ("edgetpu",)

THINNED = "thinned"  # one frame too many on the rung of fewer frames
MOTION_ONLY = "motion_only"  # something moved, and no model looked

_MOVES = 0.01
"""Share of changed pixels from which on something moves, where the camera's own policy says nothing else."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What serves a model now."""

    nodes: int
    accelerator_missing: bool = False  # a node with an accelerator has served it, and none does now


@dataclass(frozen=True, slots=True)
class Step:
    """A change of rung."""

    model: str
    before: Rung
    after: Rung
    reason: str

    @property
    def kind(self) -> str:
        """The event's kind."""
        order = list(Rung)
        return "degraded" if order.index(self.after) > order.index(self.before) else "restored"

    @property
    def text(self) -> str:
        """The event in words."""
        why = f": {self.reason}" if self.kind == "degraded" and self.reason else ""
        return f"{self.model} {_words(self.before)} -> {_words(self.after)}{why}"


def _words(rung: Rung) -> str:
    return rung.value.replace("_", " ")


class Footing:
    """Where one lane stands; without a policy always at the top."""

    def __init__(
        self,
        model: str,
        policy: LadderPolicy | None,
        supply: Callable[[str], Supply],
        *,
        moves: float = _MOVES,
    ) -> None:
        self._model = model
        self._policy = policy
        self._supply = supply
        self._moves = moves
        self._ladder = Ladder()
        self._limit = FrameLimit(1.0 / policy.min_fps) if policy else None
        self._arrived = 0
        self._answered = 0

    @property
    def rung(self) -> Rung:
        """Where the lane stands."""
        return self._ladder.rung

    @property
    def model(self) -> str:
        """The model to ask now."""
        fallback = self._policy.fallback if self._policy else None
        smaller = STEPS[self._ladder.step] in (Rung.SMALLER_MODEL, Rung.FEWER_FRAMES)
        return fallback if fallback and smaller and self._supply(fallback).nodes else self._model

    def hold_back(self, motion: float | None, now: float) -> str | None:
        """Return why a frame is not to be looked at: a reason to drop it, or "" where nothing moved; None to look."""
        if self._policy is None:
            return None
        match STEPS[self._ladder.step]:
            case Rung.MOTION_ONLY:
                return "" if motion is not None and motion < self._moves else MOTION_ONLY
            case Rung.FEWER_FRAMES if self._limit:
                self._limit, admitted = admit(self._limit, now)
                if not admitted:
                    return THINNED
        self._arrived += 1
        return None

    def sees_only(self, motion: float) -> bool:
        """Tell whether this motion is all that is seen."""
        return self._ladder.rung is Rung.MOTION_ONLY and motion >= self._moves

    def note_answer(self) -> None:
        """Count a frame that was answered."""
        self._answered += 1

    def step(self, seconds: float, now: float) -> Step | None:
        """Judge the last ``seconds``; return the change, if there is one."""
        arrived, answered = self._arrived, self._answered
        self._arrived = self._answered = 0
        policy = self._policy
        if policy is None:
            return None
        own = self._supply(self._model)
        fallback = self._supply(policy.fallback) if policy.fallback else Supply(0)
        reading = Reading(
            seconds=seconds,
            arrived=arrived,
            answered=answered,
            min_fps=policy.min_fps,
            nodes=own.nodes + fallback.nodes,
            has_fallback=fallback.nodes > 0,
            accelerator_missing=own.accelerator_missing,
        )
        before, self._ladder = self._ladder.rung, climb(self._ladder, reading, now)
        after = self._ladder.rung
        reason = "no node with an accelerator is ready" if after is Rung.CPU else self._ladder.reason
        return Step(self._model, before, after, reason) if after != before else None
