"""Which faults come when, drawn from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

FIRST_S = 3.0
GAPS_S = (1.0, 4.0)
FREEZES_S = (2.0, 8.0)
LAST_S = 5.0
"""The end of a run that sees no new fault, and no frozen process."""


class Kind(StrEnum):
    """What happens to whom."""

    KILL_AGENT = "kill -9 agent"
    FREEZE_AGENT = "freeze agent"
    KILL_CONTROLLER = "kill -9 controller"
    FREEZE_CONTROLLER = "freeze controller"
    KILL_BROKER = "kill -9 broker"
    FREEZE_BROKER = "freeze broker"
    KILL_EVERYTHING = "kill -9 everything"


WEIGHTS = {
    Kind.KILL_AGENT: 6,
    Kind.FREEZE_AGENT: 4,
    Kind.KILL_CONTROLLER: 4,
    Kind.FREEZE_CONTROLLER: 2,
    Kind.KILL_BROKER: 3,
    Kind.FREEZE_BROKER: 1,
    Kind.KILL_EVERYTHING: 1,
}
FREEZES = (Kind.FREEZE_AGENT, Kind.FREEZE_CONTROLLER, Kind.FREEZE_BROKER)
BROKER = "nats-server"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; times in seconds from the start of the run. ``lasts_s`` is 0 for a kill."""

    at: float
    kind: Kind
    targets: tuple[str, ...]
    lasts_s: float = 0.0

    @property
    def until(self) -> float:
        """When it is over; a killed process is started again by whoever runs it."""
        return self.at + self.lasts_s

    def __str__(self) -> str:
        long = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.kind}{long}: {', '.join(self.targets)}"


def draw(
    seed: int,
    agents: Sequence[str],
    controllers: Sequence[str],
    *,
    seconds: float,
    kinds: Sequence[Kind] = tuple(Kind),
) -> tuple[Fault, ...]:
    """Draw the faults of a run, of some kinds or of all, in order of time; the same seed draws the same.

    One agent and one controller at least are never frozen at the same time as all others of their kind: frozen programs
    come back only when they are told to, so a cluster of nothing else would measure nothing.
    """
    rng = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
    faults: list[Fault] = []
    at = FIRST_S
    while at < seconds - LAST_S:
        kind = rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
        lasts = min(rng.uniform(*FREEZES_S), seconds - LAST_S - at) if kind in FREEZES else 0.0
        fault = Fault(round(at, 3), kind, _choose(rng, kind, agents, controllers), round(lasts, 3))
        if kind not in FREEZES or (fault.lasts_s and _leaves_one(fault, faults, agents, controllers)):
            faults.append(fault)
        at += rng.uniform(*GAPS_S)
    return tuple(faults)


def _choose(rng: random.Random, kind: Kind, agents: Sequence[str], controllers: Sequence[str]) -> tuple[str, ...]:
    match kind:
        case Kind.KILL_AGENT | Kind.FREEZE_AGENT:
            return (rng.choice(agents),)
        case Kind.KILL_CONTROLLER | Kind.FREEZE_CONTROLLER:
            return (rng.choice(controllers),)
        case Kind.KILL_BROKER | Kind.FREEZE_BROKER:
            return (BROKER,)
        case Kind.KILL_EVERYTHING:
            return (BROKER, *controllers, *agents)


def _leaves_one(fault: Fault, faults: Iterable[Fault], agents: Sequence[str], controllers: Sequence[str]) -> bool:
    frozen = {target for each in [*faults, fault] if each.until > fault.at for target in each.targets}
    return not (frozen.issuperset(agents) or frozen.issuperset(controllers))
