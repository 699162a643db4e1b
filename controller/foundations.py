"""Keeps an eye on what the cluster stands on: its servers, the record's room, and the witnesses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from wire import subjects
from wire.bus import Link, Received
from wire.bus.standing import Peer, Standing, read_standing
from wire.errors import BadRequestError, BrambleError, BusError
from wire.foundations import SILENT_S, Foundations, ServerStatus, WitnessBeat, WitnessStatus
from wire.messages import decode

LOOK_S = 2.0
PATIENCE_S = 3.0
"""For so long a server may be between two connections before what it stores is told as not to be had."""
AWAY_S = 5.0
"""A server that its leader has not heard of for so long is away; it hears of one that is well every second."""
MOST_WITNESSES = 64

_log = logging.getLogger("bramble.foundations")


@dataclass(frozen=True, slots=True)
class Heard:
    """A witness's last sign of life; ``at`` is monotonic."""

    beat: WitnessBeat
    at: float


class FoundationsKeeper:
    """Looks every two seconds, and hears witnesses; ``found`` is how all of it is now."""

    def __init__(self, link: Link, expected: Iterable[str], clock: Callable[[], float]) -> None:
        self._link = link
        self._expected = frozenset(expected)
        self._clock = clock
        self._began = clock()
        self._heard: dict[str, Heard] = {}
        self._standing: Standing | None = None
        self._failing_since: float | None = None
        self._problem = ""

    @property
    def found(self) -> Foundations:
        """How all of it is, as far as it is known."""
        now = self._clock()
        standing = self._standing
        return Foundations(
            servers=list_servers(standing) if standing else (),
            problem=self._problem,
            record_bytes=standing.state.bytes if standing else 0,
            record_limit_bytes=max(0, standing.config.max_bytes) if standing else 0,
            witnesses=list_witnesses(self._expected, self._heard, began=self._began, now=now),
        )

    async def take_beat(self, message: Received) -> None:
        """Handle ``witness.<witness>.heartbeat``."""
        fields = subjects.WITNESS_HEARTBEAT.parse(message.subject)
        try:
            beat = decode(message.data, WitnessBeat)
        except BadRequestError as error:
            _log.warning("heartbeat refused", extra={"action": "witness", "error": error.message})
            return
        if fields is None or fields["witness"] != beat.witness:
            _log.warning("heartbeat of another witness", extra={"action": "witness", "subject": message.subject})
            return
        if beat.witness in self._heard or beat.witness in self._expected or len(self._heard) < MOST_WITNESSES:
            self._heard[beat.witness] = Heard(beat, self._clock())

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once."""
        try:
            standing = await read_standing(self._link, subjects.AUDIT_STREAM)
            if standing.cluster is not None and not standing.cluster.leader:
                raise BusError("the servers have no leader: most of them are away, or do not reach one another")
        except BrambleError as error:
            now = self._clock()
            self._failing_since = now if self._failing_since is None else self._failing_since
            if now - self._failing_since >= PATIENCE_S:
                self._problem = error.message
        else:
            self._standing, self._failing_since, self._problem = standing, None, ""


def list_servers(standing: Standing) -> tuple[ServerStatus, ...]:
    """Return the servers that keep the cluster's state, by name; none where one is alone."""
    group = standing.cluster
    if group is None or not group.replicas:
        return ()
    leader = (ServerStatus(server=group.leader, state="current"),) if group.leader else ()
    return tuple(sorted((*leader, *map(_describe, group.replicas)), key=lambda each: each.server))


def list_witnesses(
    expected: Iterable[str], heard: Mapping[str, Heard], *, began: float, now: float
) -> tuple[WitnessStatus, ...]:
    """Return those that are to be there, and those that speak although nobody said so; by name."""
    wanted = frozenset(expected)
    speaking = {name for name, each in heard.items() if now - each.at <= SILENT_S}
    return tuple(
        WitnessStatus(
            witness=name,
            age_s=round(now - (heard[name].at if name in heard else began), 1),
            expected=name in wanted,
            beat=heard[name].beat if name in heard else None,
        )
        for name in sorted(wanted | speaking)
    )


def _describe(peer: Peer) -> ServerStatus:
    silent_s = peer.active / 1e9  # the dead are not called offline at once
    away = peer.offline or (silent_s > AWAY_S and not peer.current)
    return ServerStatus(
        server=peer.name,
        state="offline" if away else "current" if peer.current else "behind",
        silent_s=round(silent_s, 1),
        behind=peer.lag,
    )
