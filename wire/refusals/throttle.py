"""Keeps a flood of the same refusal from filling the record: one entry every few minutes says how many there were."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec

from wire.audit import MAX_DETAIL, Deed

EVERY_S = 300.0
MOST = 64
"""So many kinds of refusals are told apart at a time; beyond, the others are counted together."""

_OTHERS = ("", "access.flood", "", "")

Kind = tuple[str, str, str, str]


@dataclass(slots=True)
class _Seen:
    told_at: float
    last: Deed
    untold: int = 0


def find_cause(detail: str) -> str:
    """Return what a refusal was for, without what differs each time: a bad key hides nobody who comes in plain text."""
    return detail.partition(" - ")[0].partition(":")[0]


def find_matter(deed: Deed) -> str:
    """Return what a refusal was about: each answer has an address of its own, and whose inbox it is counts."""
    return deed.target.partition(".")[0] if deed.action == "access.answer" else deed.target


@dataclass(slots=True)
class Throttle:
    """Which deeds are written down now. Times are monotonic seconds."""

    _seen: OrderedDict[Kind, _Seen] = field(default_factory=OrderedDict)

    def take(self, deed: Deed, now: float) -> Deed | None:
        """Return the deed if it is to be written now, None if it is only counted."""
        kind = (deed.who, deed.action, find_matter(deed), find_cause(deed.detail))
        if kind not in self._seen and len(self._seen) >= MOST:
            kind = _OTHERS
            deed = Deed(who="many", action=_OTHERS[1], outcome=deed.outcome, detail=f"such as: {deed.action}")
        seen = self._seen.get(kind)
        if seen is not None:
            seen.untold += 1
            seen.last = deed
            return None
        self._seen[kind] = _Seen(now, deed)
        return deed

    def collect(self, now: float) -> list[Deed]:
        """Return what has been counted for long enough, and forget what has ended."""
        due = []
        for kind, seen in list(self._seen.items()):
            if now - seen.told_at < EVERY_S:
                continue
            if not seen.untold:
                del self._seen[kind]
                continue
            detail = f"{seen.untold} more in {now - seen.told_at:.0f} s; the last: {seen.last.detail}"
            due.append(msgspec.structs.replace(seen.last, detail=detail[:MAX_DETAIL]))
            seen.told_at, seen.untold = now, 0
        return due
