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
    CUT_AGENT = "cut off agent"
    CUT_CONTROLLER = "cut off controller"
    KILL_LEADER = "kill -9 leading server"
    RETIRE_LEADER = "restart leading server"


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
CUTS = (Kind.CUT_AGENT, Kind.CUT_CONTROLLER)
LEADERS = (Kind.KILL_LEADER, Kind.RETIRE_LEADER)  # on three servers
MIXED = tuple(WEIGHTS)
"""What a run of everything is drawn from."""
BROKER = "nats-server"
LEADER = "leader"  # of three servers, whichever it is
GUEST_AGENT, GUEST_CONTROLLER = "far-agent", "far-controller"

ONLY_TARGET = {
    Kind.CUT_AGENT: GUEST_AGENT,
    Kind.CUT_CONTROLLER: GUEST_CONTROLLER,
    Kind.KILL_LEADER: LEADER,
    Kind.RETIRE_LEADER: LEADER,
}

PAUSES_S: dict[Kind, tuple[float, float]] = {
    Kind.KILL_AGENT: (2.0, 3.4),  # of twelve nodes: each has long been back when it is its turn again
    Kind.FREEZE_AGENT: (7.0, 9.0),
    Kind.CUT_AGENT: (10.0, 12.0),
    Kind.KILL_CONTROLLER: (16.0, 18.0),  # of two: neither dies again within half a minute
    Kind.FREEZE_CONTROLLER: (12.0, 14.0),
    Kind.CUT_CONTROLLER: (12.0, 14.0),
    Kind.KILL_BROKER: (12.0, 14.0),
    Kind.FREEZE_BROKER: (12.0, 14.0),
    Kind.KILL_EVERYTHING: (30.0, 35.0),
    Kind.KILL_LEADER: (14.0, 16.0),  # it is started again after 2 s, and catches up
    Kind.RETIRE_LEADER: (35.0, 40.0),  # it sends its clients elsewhere one by one before it ends
}
"""In a drill, from the end of one fault to the next."""
DRILLS_LAST_S: dict[Kind, float] = {
    Kind.FREEZE_AGENT: 10.0,
    Kind.CUT_AGENT: 30.0,
    Kind.FREEZE_CONTROLLER: 10.0,
    Kind.CUT_CONTROLLER: 30.0,
    Kind.FREEZE_BROKER: 6.0,
}


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
    kinds: Sequence[Kind] = MIXED,
) -> tuple[Fault, ...]:
    """Draw the faults of a run, of some kinds or of all, in order of time; the same seed draws the same.

    One agent and one controller at least are never frozen at the same time as all others of their kind: frozen programs
    come back only when they are told to, so a cluster of nothing else would measure nothing.
    """
    rng = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
    faults: list[Fault] = []
    at = FIRST_S
    while at < seconds - LAST_S:
        kind = rng.choices(kinds, [WEIGHTS.get(kind, 2) for kind in kinds])[0]
        lasts = min(rng.uniform(*FREEZES_S), seconds - LAST_S - at) if kind in (*FREEZES, *CUTS) else 0.0
        fault = Fault(round(at, 3), kind, rng.choice(_targets(kind, agents, controllers)), round(lasts, 3))
        if kind not in (*FREEZES, *CUTS) or (fault.lasts_s and _leaves_one(fault, faults, agents, controllers)):
            faults.append(fault)
        at += rng.uniform(*GAPS_S)
    return tuple(faults)


def draw_drill(
    seed: int, agents: Sequence[str], controllers: Sequence[str], *, kind: Kind, count: int
) -> tuple[Fault, ...]:
    """Draw so many faults of one kind, at random instants but each after the one before is over.

    They take turns through all that there are, in an order that is drawn anew each time round.
    """
    rng = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
    faults: list[Fault] = []
    round_: list[tuple[str, ...]] = []
    at = FIRST_S
    for _ in range(count):
        if not round_:
            last = faults[-1].targets if faults else ()
            round_ = _targets(kind, agents, controllers)
            rng.shuffle(round_)
            if len(round_) > 1 and round_[-1] == last:
                round_.insert(0, round_.pop())
        fault = Fault(round(at, 3), kind, round_.pop(), DRILLS_LAST_S.get(kind, 0.0))
        faults.append(fault)
        at = fault.until + rng.uniform(*PAUSES_S[kind])
    return tuple(faults)


def _targets(kind: Kind, agents: Sequence[str], controllers: Sequence[str]) -> list[tuple[str, ...]]:
    """Return whom a fault of that kind may hit."""
    match kind:
        case Kind.KILL_AGENT | Kind.FREEZE_AGENT:
            return [(each,) for each in agents]
        case Kind.KILL_CONTROLLER | Kind.FREEZE_CONTROLLER:
            return [(each,) for each in controllers]
        case Kind.KILL_BROKER | Kind.FREEZE_BROKER:
            return [(BROKER,)]
        case Kind.KILL_EVERYTHING:
            return [(BROKER, *controllers, *agents)]
        case Kind.CUT_AGENT | Kind.CUT_CONTROLLER | Kind.KILL_LEADER | Kind.RETIRE_LEADER:
            return [(ONLY_TARGET[kind],)]


def _leaves_one(fault: Fault, faults: Iterable[Fault], agents: Sequence[str], controllers: Sequence[str]) -> bool:
    frozen = {target for each in [*faults, fault] if each.until > fault.at for target in each.targets}
    return not (frozen.issuperset(agents) or frozen.issuperset(controllers))
