"""What each session has: cameras and tasks, as the leases bucket says. Without input or output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.leases.tenure import Sightings
from wire import subjects
from wire.leases import ClaimRecord

CAMERA = "camera"
TASK = "task"
PLANNER = "planner"


@dataclass(frozen=True, slots=True)
class Claim:
    """A duty and who has it, at one revision of its record (0: never written)."""

    duty: str
    name: str
    record: ClaimRecord
    revision: int

    @property
    def key(self) -> str:
        """Its key in the bucket."""
        return subjects.CLAIM_KEY.build(duty=self.duty, name=self.name)


class Claims:
    """The newest known revision of every claim."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Claim] = {}

    def take(self, claim: Claim) -> bool:
        """Take a claim that was read or written; tell whether it was news."""
        known = self._known.get((claim.duty, claim.name))
        if known and claim.revision <= known.revision:
            return False
        self._known[claim.duty, claim.name] = claim
        return True

    def get(self, duty: str, name: str) -> Claim:
        """Return a claim; one that nobody has ever made is free."""
        return self._known.get((duty, name)) or Claim(duty, name, ClaimRecord(), 0)

    def forget(self, duty: str, name: str) -> None:
        """Take it that there is no record of a claim any more."""
        self._known.pop((duty, name), None)

    def free(self, sightings: Sightings, own: Mapping[str, str]) -> Iterator[Claim]:
        """Return the claims on record that nobody has; the arguments are those of :meth:`owner`."""
        known = list(self._known.values())
        return (each for each in known if self.owner(each.duty, each.name, sightings, own) is None)

    def of(self, session: str, duty: str) -> Iterator[Claim]:
        """Return what a session has."""
        return (each for each in self._known.values() if each.record.session == session and each.duty == duty)

    def owner(self, duty: str, name: str, sightings: Sightings, own: Mapping[str, str]) -> str | None:
        """Return the controller that has a duty by a session that has not ended; None where nobody has.

        A session that has ended never comes back, and its record is in the bucket before its claims are: what no record
        tells of has ended. ``own`` maps this controller's name to its session.
        """
        record = self.get(duty, name).record
        if not record.session:
            return None
        if record.controller in own:
            return record.controller if own[record.controller] == record.session else None
        sighting = sightings.get(record.controller)
        if sighting is None or sighting.record.ended or sighting.record.session != record.session:
            return None
        return record.controller
