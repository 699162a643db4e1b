"""How long a controller may act, and when it may end another's session. Pure; times in seconds of any steady clock.

A session is one key in the leases bucket, changed by compare-and-swap only. No server's clock and no wall clock is ever
asked; all that is assumed is that steady clocks of two machines differ by less than ``DRIFT`` in rate. The rules:

1. Whoever holds a session may act for ``SHORT_S`` (less the drift) from the moment at which its last acknowledged
   renewal was *sent*. While renewals are not answered, it may go on for up to ``LONG_S``, as long as every peer that
   its record names acknowledges its heartbeats: JetStream pauses for 6 to 8 s when it loses a leader, while core NATS
   and the cameras go on.
2. Another controller may end the session, by swapping the very revision that it has seen, ``SHORT_S`` after the last
   sign of life if the record names it as a peer, and otherwise ``LONG_S`` after it first saw that revision. It
   acknowledges no heartbeat from the moment of its decision on.

So the end of a session is never written before its holder has stopped: a swap fails if there was a renewal that the
swapper has not seen; of older renewals the swapper learnt no earlier than they were sent; and without a fresh renewal a
named peer's acknowledgement is needed, which that peer has not given since. A renewal that was not answered may have
been written all the same, so its peers count as named until a later one is acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.leases import SessionRecord

SHORT_S = 2.2
"""A controller that died has had its cameras for so long; one that lives must not be held up for as long."""

LONG_S = 15.0
DRIFT = 0.1
RENEW_S = 1.0
HURRY_S = 0.25
"""From one renewal to the next while a peer does not vouch: then the fresh ones alone count."""

BEAT_S = 0.25
QUIET_S = 3 * BEAT_S
"""So long an acknowledgement may be on its way."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A session as its holder knows it."""

    session: str
    revision: int
    renewed_at: float  # when the renewal that was acknowledged last had been sent
    peers: frozenset[str] = frozenset()  # named by that renewal, or by one since whose fate is not known
    heard: Mapping[str, float] = field(default_factory=dict)  # by peer: when the latest beat it acknowledged was sent

    def valid_until(self) -> float:
        """Return until when the holder may act."""
        fresh = self.renewed_at + SHORT_S * (1 - DRIFT)
        latest = self.renewed_at + LONG_S * (1 - DRIFT)
        return max(fresh, min(latest, self._vouched() + SHORT_S * (1 - DRIFT)))

    def renews_every(self, now: float) -> float:
        """Return how long to wait from one renewal to the next."""
        return RENEW_S if now - self._vouched() < QUIET_S else HURRY_S

    def _vouched(self) -> float:
        """Return when the latest beat was sent that all peers have acknowledged; infinity where there are none."""
        return min((self.heard.get(peer, float("-inf")) for peer in self.peers), default=float("inf"))


@dataclass(frozen=True, slots=True)
class Sighting:
    """Another's session as it was seen: which revision, since when, and the last sign of life."""

    record: SessionRecord
    revision: int
    seen_at: float
    alive_at: float

    def may_end(self, by: str, now: float) -> bool:
        """Tell whether the session ``by`` may end this one."""
        if self.record.ended:
            return False
        if now - self.seen_at >= LONG_S:
            return True
        return by in self.record.peers and now - self.alive_at >= SHORT_S


Sightings = dict[str, Sighting]
"""By controller."""


def see_record(known: Sightings, record: SessionRecord, revision: int, now: float) -> Sightings:
    """Return the sightings after a record was read; an older revision changes nothing."""
    sighting = known.get(record.controller)
    if sighting and revision <= sighting.revision:
        return known
    return {**known, record.controller: Sighting(record, revision, now, now)}


def see_beat(known: Sightings, controller: str, session: str, now: float) -> Sightings:
    """Return the sightings after a heartbeat; one of a session that is not on record is no sign of life."""
    sighting = known.get(controller)
    if sighting is None or sighting.record.session != session:
        return known
    return {**known, controller: Sighting(sighting.record, sighting.revision, sighting.seen_at, now)}
