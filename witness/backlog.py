"""What has been seen and is not on the record yet. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from wire.audit import Deed, Outcome
from wire.refusals.report import KINDS, MOST, Report, Told
from wire.refusals.throttle import Throttle

ROOM = 256
"""So many refusals are kept while nobody takes them; a flood of the same is one, with its count."""

FLOOD = "access.flood"
NO_ROOM = "were not kept: nobody put them on the record"


@dataclass(slots=True)
class Backlog:
    """Numbers refusals, keeps floods down and hands them out until they are taken."""

    run: str
    _throttle: Throttle = field(default_factory=Throttle)
    _kept: deque[Told] = field(default_factory=deque)
    _counts: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _lost: int = 0  # that there was no room for since there last was any

    def note(self, deed: Deed, now: float) -> None:
        """Take in what was seen."""
        self._counts[deed.action if deed.action in KINDS else FLOOD] += 1
        if told := self._throttle.take(deed, now):
            self._keep(told)

    def collect(self, now: float) -> None:
        """Have what was only counted told, where that has lasted for long enough."""
        for deed in self._throttle.collect(now):
            self._keep(deed)

    @property
    def lost(self) -> int:
        """How many there was no room for, that nobody was told of yet."""
        return self._lost

    def next(self) -> Report | None:
        """Return what is to be told next; None when there is nothing. It stays until :meth:`drop`."""
        if not self._kept:
            return None
        told = tuple(self._kept[number] for number in range(min(MOST, len(self._kept))))
        return Report(run=self.run, told=told, counts=dict(self._counts))

    def drop(self, report: Report) -> None:
        """Forget what was told: it is on the record."""
        for _ in report.told:
            self._kept.popleft()
        self._counts -= Counter(report.counts)
        if self._lost:
            lost, self._lost = self._lost, 0
            self._keep(Deed(who="many", action=FLOOD, outcome=Outcome.REFUSED, detail=f"{lost} more {NO_ROOM}"))

    def _keep(self, deed: Deed) -> None:
        if len(self._kept) >= ROOM:
            self._lost += 1
            return
        self._number += 1
        self._kept.append(Told(number=self._number, deed=deed))
