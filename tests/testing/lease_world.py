"""Controllers with clocks of their own, a store and a network that delay, lose, pause and part: all in virtual time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from controller.leases.session import Session, Swap
from controller.leases.tenure import BEAT_S
from wire.leases import ControllerBeat, SessionRecord

STEP_S = 0.2
SWAP_S = 2.0


@dataclass
class Store:
    """The leases bucket: swaps by revision, one after another. ``ended`` are the sessions that are over."""

    records: dict[str, tuple[SessionRecord, int]] = field(default_factory=dict)
    revision: int = 0
    ended: dict[str, float] = field(default_factory=dict)
    paused_until: float = 0.0  # JetStream looks for a leader: writes wait

    def swap(self, swap: Swap, now: float) -> int | None:
        name = swap.record.controller
        known = self.records.get(name)
        if (known[1] if known else 0) != swap.revision:
            return None
        if known and (swap.record.ended or swap.record.session != known[0].session):
            self.ended.setdefault(known[0].session, now)
        self.revision += 1
        self.records[name] = (swap.record, self.revision)
        return self.revision


@dataclass
class Actor:
    """One controller: its session, and a clock that starts anywhere and runs at ``rate``."""

    name: str
    rate: float
    offset: float
    session: Session
    sessions: int = 1
    frozen_until: float = 0.0
    cut_from_store_until: float = 0.0
    cut_from_peers_until: float = 0.0
    crashed: bool = False
    busy: bool = False  # a swap of the own record is under way
    sent_at: float = float("-inf")  # when the latest one was sent, by its own clock

    def clock(self, now: float) -> float:
        return self.offset + now * self.rate


class LeaseWorld:
    """Runs actors over a schedule; ``check`` is called after every single event."""

    def __init__(self, controllers: int, seed: int, check: Callable[[LeaseWorld], None]) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self.now = 0.0
        self.store = Store()
        self.delay_s = 0.02
        self.loss = 0.0
        self._check = check
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.actors = [
            Actor(
                name := f"c{number}",
                self.random.uniform(0.95, 1.05),
                self.random.uniform(0, 1e6),
                Session(name, f"{name}-1", f"place-{name}"),
            )
            for number in range(controllers)
        ]
        for actor in self.actors:
            self._start(actor)

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._check(self)
        self.now = until

    def at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), event))

    def actor_of(self, session: str) -> Actor:
        return next(actor for actor in self.actors if session.startswith(f"{actor.name}-"))

    # --- one actor ------------------------------------------------------------------------------------------------

    def _start(self, actor: Actor) -> None:
        for period, work in ((BEAT_S, self._beat), (STEP_S, self._keep), (STEP_S, self._end_silent)):
            self._repeat(actor, period, work)

    def _repeat(self, actor: Actor, period: float, work: Callable[[Actor], None]) -> None:
        def turn() -> None:
            if actor.crashed:
                return
            if actor.frozen_until > self.now:  # what was due is done at the thaw
                self.at(actor.frozen_until + self.random.random() * 0.01, turn)
                return
            work(actor)
            self.at(self.now + period, turn)

        self.at(self.now + self.random.random() * period, turn)

    def _deliver(self, actor: Actor, delay: float, event: Callable[[], None]) -> None:
        """Have an event happen at an actor, when it is awake."""

        def arrive() -> None:
            if actor.crashed:
                return
            if actor.frozen_until > self.now:
                self.at(actor.frozen_until + self.random.random() * 0.01, arrive)
                return
            event()

        self.at(self.now + delay, arrive)

    def _travel(self) -> float:
        return self.random.expovariate(1 / self.delay_s)

    def _beat(self, actor: Actor) -> None:
        beat = actor.session.make_beat(actor.clock(self.now))
        for other in self.actors:
            if other is actor or self.random.random() < self.loss:
                continue
            if max(actor.cut_from_peers_until, other.cut_from_peers_until) > self.now:
                continue
            self._deliver(other, self._travel(), lambda other=other: self._hear(other, beat))

    def _hear(self, actor: Actor, beat: ControllerBeat) -> None:
        actor.session.take_beat(beat, actor.clock(self.now))

    def _keep(self, actor: Actor) -> None:
        if actor.busy:
            return
        if actor.session.lost:
            self._begin_anew(actor)
        session = actor.session
        now = actor.clock(self.now)
        if not session.is_due(actor.sent_at, now):
            return
        actor.sent_at = now
        if session.begun:
            swap: Swap | None = session.renew(now)
        else:
            record, revision = self.store.records.get(actor.name, (None, 0))
            swap = session.begin(record, revision, now, now)
        if swap:
            actor.busy = True
            self._send(actor, swap, lambda written: self._kept(actor, session, swap, written))

    def _kept(self, actor: Actor, session: Session, swap: Swap, written: int | None) -> None:
        actor.busy = False
        if session is not actor.session:
            return
        if written is not None:
            (session.renewed if session.begun else session.begun_with)(swap, written)
        elif actor.cut_from_store_until <= self.now and actor.name in self.store.records:
            session.take_own(*self.store.records[actor.name])

    def _begin_anew(self, actor: Actor) -> None:
        old = actor.session
        actor.sessions += 1
        actor.session = Session(actor.name, f"{actor.name}-{actor.sessions}", f"place-{actor.name}")
        actor.session.inherit(old)

    def _end_silent(self, actor: Actor) -> None:
        for swap in actor.session.end_silent(actor.clock(self.now)):
            self._send(actor, swap, lambda _written: None)

    def _send(self, actor: Actor, swap: Swap, then: Callable[[int | None], None]) -> None:
        """Send a swap; its answer may be lost, and it may be written long after the sender gave up on it."""
        sent = self.now
        done = False

        def answer(written: int | None) -> None:
            nonlocal done
            if not done:
                done = True
                then(written)

        def arrive() -> None:
            if self.store.paused_until > self.now:
                self.at(self.store.paused_until + self.random.random() * 0.1, arrive)
            else:
                self._write(actor, swap, answer)

        if actor.cut_from_store_until > sent:
            if self.random.random() < 0.5:  # it waits in a buffer for the way to be free again
                self.at(actor.cut_from_store_until + self._travel(), arrive)
        else:
            self.at(sent + self._travel(), arrive)
        self._deliver(actor, SWAP_S, lambda: answer(None))

    def _write(self, actor: Actor, swap: Swap, answer: Callable[[int | None], None]) -> None:
        written = self.store.swap(swap, self.now)
        reached = [each for each in self.actors if each.cut_from_store_until <= self.now]
        if written is not None:
            for each in reached:
                self._deliver(each, self._travel(), lambda each=each: self._see(each, swap.record, written))
        if actor in reached and self.random.random() >= self.loss:
            self._deliver(actor, self._travel(), lambda: answer(written))

    def _see(self, actor: Actor, record: SessionRecord, revision: int) -> None:
        actor.session.take_record(record, revision, actor.clock(self.now))
        if record.controller == actor.name:
            actor.session.take_own(record, revision)
