"""Tells what is wrong with the cluster, as it begins and as it ends: one event each."""

from __future__ import annotations

import logging
import time

from wire import subjects
from wire.bus import Link
from wire.errors import BusError
from wire.findings import Finding
from wire.messages import Event, encode
from wire.troubles import Change, Troubles, describe, fold_findings

PATIENCE_S = 1.0
"""What is shorter is no event: a node that is late with one heartbeat, a load that touches its limit."""

_log = logging.getLogger("bramble.watch")


class Watch:
    """Follows the findings of one controller, which should be the one that tells: each trouble is told once."""

    def __init__(self, controller: str, link: Link) -> None:
        self._controller = controller
        self._link = link
        self._troubles: Troubles = {}

    async def look(self, findings: tuple[Finding, ...] | None, now: float) -> None:
        """Take the findings of now, by a monotonic clock; None: they are another controller's to tell from now on."""
        if findings is None:
            self._troubles = {}
            return
        self._troubles, changes = fold_findings(self._troubles, findings, now, patience_s=PATIENCE_S)
        for change in changes:
            await self._tell(change)

    async def _tell(self, change: Change) -> None:
        finding = change.finding
        kind = "trouble" if change.began else "recovered"
        text = f"{finding.about}: {finding.check}: {describe(change)}"
        level = logging.WARNING if change.began else logging.INFO
        _log.log(level, text, extra={"action": kind, "about": finding.about, "check": finding.check})
        event = Event(at=time.time(), kind=kind, text=text)
        subject = subjects.CONTROLLER_EVENT.build(controller=self._controller, kind=kind)
        try:
            await self._link.publish(subject, encode(event))
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "tell", "kind": kind, "error": error.message})
