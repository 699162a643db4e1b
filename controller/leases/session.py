"""One controller's session, without any input or output: what to write, what to send, what came of it.

Whoever drives it (:mod:`controller.leases.keeper`, or a test with a clock of its own) passes ``now`` in: seconds of one
steady clock that goes on while the process is frozen or the machine sleeps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.leases.tenure import Sightings, Tenure, see_beat, see_record
from wire.leases import ControllerBeat, SessionRecord

_REMEMBERED_BEATS = 128  # half a minute's; an acknowledgement of an older one would be of no use


@dataclass(frozen=True, slots=True)
class Swap:
    """A write that is to happen only if the record still is at ``revision``."""

    record: SessionRecord
    revision: int
    sent_at: float


class Session:
    """The session of ``controller``; ``session`` must be new with every start and every loss."""

    def __init__(self, controller: str, session: str, place: str) -> None:
        self.controller = controller
        self.session = session
        self._place = place
        self._tenure: Tenure | None = None
        self._sightings: Sightings = {}
        self._heard: dict[str, int] = {}  # by other session: its latest beat
        self._beats: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED_BEATS)
        self._seq = 0
        self._ending: dict[str, int] = {}  # other sessions that were decided to end, and at which revision
        self.lost = False

    def valid(self, now: float) -> bool:
        """Tell whether this controller may act on its claims."""
        return not self.lost and self._tenure is not None and now < self._tenure.valid_until()

    @property
    def begun(self) -> bool:
        """Whether the session is on record."""
        return self._tenure is not None

    @property
    def sightings(self) -> Sightings:
        """The other controllers, as they were seen."""
        return self._sightings

    def inherit(self, other: Session) -> None:
        """Take over what this controller's session before this one knew of the others."""
        self._sightings = other.sightings

    # --- the own record -------------------------------------------------------------------------------------------

    def begin(self, known: SessionRecord | None, revision: int, seen_at: float, now: float) -> Swap | None:
        """Return the first write; None while another process of this name may still be at work.

        Args:
            known: the record that is there under this controller's name, if any.
            revision: of that record; 0 when there is none.
            seen_at: when this revision was first seen.
            now: the time.

        """
        if known and known.session == self.session:  # written before without our knowing
            self._tenure = Tenure(self.session, revision, float("-inf"))
            self.lost = known.ended  # and ended since: it must not come back
            return None
        record = SessionRecord(controller=self.controller, session=self.session, place=self._place)
        if known is None or known.ended or (self._place and known.place == self._place):
            return Swap(record, revision, now)
        sighting = see_record({}, known, revision, seen_at)[known.controller]
        return Swap(record, revision, now) if sighting.may_end(self.session, now) else None

    def begun_with(self, swap: Swap, revision: int) -> None:
        """Note that the first write was acknowledged."""
        self._tenure = Tenure(self.session, revision, swap.sent_at)

    def renew(self, now: float, *, end: bool = False) -> Swap:
        """Return the next renewal, or with ``end`` the orderly end of the session.

        Raises:
            RuntimeError: the session has not begun.

        """
        if self._tenure is None:
            raise RuntimeError("a session that has not begun cannot be renewed")
        peers = tuple(sorted(self._present()))
        self._tenure = replace(self._tenure, peers=self._tenure.peers | set(peers))
        self.lost = self.lost or end
        record = SessionRecord(
            controller=self.controller, session=self.session, ended=end, peers=peers, place=self._place
        )
        return Swap(record, self._tenure.revision, now)

    def is_due(self, sent_at: float, now: float) -> bool:
        """Tell whether it is time for the next write, the latest of which was sent at ``sent_at``."""
        return self._tenure is None or not self.valid(now) or now - sent_at >= self._tenure.renews_every(now)

    def renewed(self, swap: Swap, revision: int) -> None:
        """Note that a renewal was acknowledged."""
        if self._tenure is not None:
            self._tenure = replace(
                self._tenure, revision=revision, renewed_at=swap.sent_at, peers=frozenset(swap.record.peers)
            )

    def take_own(self, record: SessionRecord, revision: int) -> None:
        """Take what is on record under this controller's name.

        Either an earlier renewal was written without our knowing, or the session is gone.
        """
        if self._tenure is None or revision <= self._tenure.revision:
            return
        if record.ended or record.session != self.session:
            self.lost = True
        else:
            self._tenure = replace(self._tenure, revision=revision)

    # --- the others -----------------------------------------------------------------------------------------------

    def take_record(self, record: SessionRecord, revision: int, now: float) -> None:
        """Take another controller's record."""
        if record.controller != self.controller:
            self._sightings = see_record(self._sightings, record, revision, now)

    def take_beat(self, beat: ControllerBeat, now: float) -> None:
        """Take another controller's sign of life, and what it acknowledges."""
        if beat.session == self.session:
            return
        sighting = self._sightings.get(beat.controller)
        decided = sighting is not None and self._ending.get(beat.session) == sighting.revision
        if sighting and sighting.record.session == beat.session and not decided:
            self._sightings = see_beat(self._sightings, beat.controller, beat.session, now)
            self._heard[beat.session] = max(beat.seq, self._heard.get(beat.session, 0))
        self._take_acknowledgement(beat.session, beat.heard)

    def make_beat(self, now: float) -> ControllerBeat:
        """Return the next sign of life."""
        self._seq += 1
        self._beats.append((self._seq, now))
        present = self._present()
        self._heard = {session: seq for session, seq in self._heard.items() if session in present}
        return ControllerBeat(controller=self.controller, session=self.session, seq=self._seq, heard=dict(self._heard))

    def end_silent(self, now: float) -> tuple[Swap, ...]:
        """Return the writes that end the sessions which have been silent for too long.

        Once decided, a session is acknowledged no more until a later revision of it is seen, since nobody can know of a
        write without an answer whether it will still arrive.
        """
        silent = [each for each in self._sightings.values() if each.may_end(self.session, now)]
        present = self._present()
        self._ending = {session: revision for session, revision in self._ending.items() if session in present}
        self._ending |= {each.record.session: each.revision for each in silent}
        return tuple(Swap(_ended(each.record), each.revision, now) for each in silent)

    def _present(self) -> set[str]:
        return {each.record.session for each in self._sightings.values() if not each.record.ended}

    def _take_acknowledgement(self, peer: str, heard: Mapping[str, int]) -> None:
        acknowledged = heard.get(self.session)
        if self._tenure is None or acknowledged is None:
            return
        sent = next((at for seq, at in self._beats if seq == acknowledged), None)
        if sent is not None and sent > self._tenure.heard.get(peer, float("-inf")):
            self._tenure = replace(self._tenure, heard={**self._tenure.heard, peer: sent})


def _ended(record: SessionRecord) -> SessionRecord:
    return SessionRecord(controller=record.controller, session=record.session, ended=True)
