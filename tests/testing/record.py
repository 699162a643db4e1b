"""What the audit record of a running cluster says, once it says it."""

from __future__ import annotations

import asyncio

from wire import subjects
from wire.audit import Deed, Entry, Outcome, check_record
from wire.bus import Bus, Stream
from wire.messages import decode

WITHIN_S = 20.0


class RecordReader:
    """Reads it with the rights of ``bus``."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._record = Stream(bus.control, subjects.AUDIT_STREAM)

    async def expect(self, action: str, *, who: str, target: str = "", detail: str = "") -> Deed:
        """Wait for a refusal and return it; its entry must be part of an unbroken chain."""
        entries: list[tuple[int, bytes]] = []
        async with asyncio.timeout(WITHIN_S):
            async for each in self._record.read(subjects.AUDIT.build(), follow=True):
                entries.append((each.sequence, each.data))
                deed = decode(each.data, Entry).deed
                if (deed.action, deed.who, deed.target) == (action, who, target) and detail in deed.detail:
                    break
        assert deed.outcome is Outcome.REFUSED
        assert check_record(entries)[1] == []
        return deed

    async def deeds(self, action: str) -> list[Deed]:
        """Return all that tell of that, oldest first."""
        stored = self._record.read(subjects.AUDIT.build())
        found = [decode(each.data, Entry).deed async for each in stored]
        return [deed for deed in found if deed.action == action]
