"""The ledger: every frame offered to a model ends in exactly one way, and the counts always add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from wire.messages import Counts


class End(StrEnum):
    """How a frame can end."""

    INFERRED = "inferred"
    GATED = "gated"
    DROPPED = "dropped"
    FAILED = "failed"


SUPERSEDED = "superseded"  # a newer frame of the same camera took its place before a node was free
REMOVED = "removed"  # its camera was removed, or the controller stopped


@dataclass(slots=True)
class Account:
    """The counts of one camera and model."""

    offered: int = 0
    inferred: int = 0
    gated: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    open: int = 0

    def note(self, end: End, reason: str) -> None:
        """Count one end."""
        match end:
            case End.INFERRED:
                self.inferred += 1
            case End.GATED:
                self.gated += 1
            case End.DROPPED:
                self.dropped[reason] += 1
            case End.FAILED:
                self.failed[reason] += 1

    def counts(self) -> Counts:
        """Return them as they are now."""
        return Counts(
            offered=self.offered,
            inferred=self.inferred,
            gated=self.gated,
            dropped=dict(self.dropped),
            failed=dict(self.failed),
            open=self.open,
        )


class Ledger:
    """Counts frames by camera and model. A frame that goes to two models is two entries."""

    def __init__(self) -> None:
        self._open: set[tuple[str, str, str]] = set()
        self._accounts: dict[tuple[str, str], Account] = {}
        self.repeated = 0  # ends of entries that had ended before, and were not counted again

    def offer(self, frame: str, camera: str, model: str) -> None:
        """Open an entry.

        Raises:
            ValueError: it is open already; frame ids must not be used twice.

        """
        entry = (frame, camera, model)
        if entry in self._open:
            raise ValueError(f"the frame {frame} of {camera} was offered to {model} twice")
        self._open.add(entry)
        account = self._accounts.setdefault((camera, model), Account())
        account.offered += 1
        account.open += 1

    def end(self, frame: str, camera: str, model: str, end: End, reason: str = "") -> bool:
        """Close an entry. Returns False, and counts nothing, when it is not open (any more).

        Raises:
            ValueError: a drop or failure without its reason, or a reason where none belongs.

        """
        if bool(reason) != (end in (End.DROPPED, End.FAILED)):
            raise ValueError(f"a frame cannot end as {end} with the reason {reason!r}")
        entry = (frame, camera, model)
        if entry not in self._open:
            self.repeated += 1
            return False
        self._open.remove(entry)
        account = self._accounts[camera, model]
        account.open -= 1
        account.note(end, reason)
        return True

    def lanes(self, cameras: Collection[str]) -> dict[tuple[str, str], Counts]:
        """Return the counts by camera and model, of these cameras."""
        return {lane: account.counts() for lane, account in sorted(self._accounts.items()) if lane[0] in cameras}

    def counts(self, camera: str | None = None) -> Counts:
        """Add up the accounts, of one camera or of all."""
        return add_counts(own.counts() for (owner, _), own in self._accounts.items() if camera in (None, owner))


def add_counts(several: Iterable[Counts]) -> Counts:
    """Return the sums. Where each one's counts add up, these do too."""
    every = tuple(several)
    dropped: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for each in every:
        dropped.update(each.dropped)
        failed.update(each.failed)
    return Counts(
        offered=sum(each.offered for each in every),
        inferred=sum(each.inferred for each in every),
        gated=sum(each.gated for each in every),
        dropped=dict(dropped),
        failed=dict(failed),
        open=sum(each.open for each in every),
    )
