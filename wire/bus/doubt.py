"""Whether a list of keys that lacks some is to be believed. Pure; times in seconds of a steady clock.

A server of a cluster that has just come back, or just been elected, can answer before it has caught up, and shows less
than there is, or older values. Believed at once, models and cameras would vanish for seconds. A key that was removed
leaves a marker in its place, so one that is missing without is kept until list after list has lacked it for a while.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

LASTS_S = 5.0
LISTS = 3


class Revised(Protocol):
    """What has a revision that grows with every change."""

    @property
    def revision(self) -> int:
        """Return it."""


E = TypeVar("E", bound=Revised)


@dataclass(slots=True)
class Doubt:
    """Doubt about lists of the same keys, one after another."""

    since: float | None = None  # of the first list in doubt; None: there is no doubt
    lists: int = 0  # in doubt, so far

    def settle(
        self, known: Mapping[str, E] | None, listed: Mapping[str, E], removed: Collection[str], now: float
    ) -> dict[str, E]:
        """Return what to go by after a new list; while there is doubt, list again soon.

        Args:
            known: what was gone by until now; None before the first list.
            listed: what is there according to the list.
            removed: keys whose removal the list shows.
            now: the time.

        """
        odd = {
            key: entry
            for key, entry in (known or {}).items()
            if key not in removed and (key not in listed or listed[key].revision < entry.revision)
        }
        if not odd:
            self.since, self.lists = None, 0
            return dict(listed)
        self.since = now if self.since is None else self.since
        self.lists += 1
        if self.lists >= LISTS and now - self.since >= LASTS_S:  # emptied by hand, or brought back from a backup
            self.since, self.lists = None, 0
            return dict(listed)
        return {**listed, **odd}
