"""Where a controller hears of what a nats-server on its machine refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from controller.settings import Settings
from wire.audit import Deed
from wire.context import load_context
from wire.refusals.sources import open_sources as open_refusals
from wire.refusals.tail import Tail
from wire.tls import make_tls, wants_tls


@dataclass(frozen=True, slots=True)
class Sources:
    """What tells of refusals from now on, and the log among them, where there is one."""

    refusals: tuple[AsyncIterator[Deed], ...] = ()
    log: Tail | None = None

    @property
    def unread(self) -> str:
        """The log, where it cannot be read."""
        return "" if self.log is None or self.log.is_open else str(self.log.path)


async def open_sources(settings: Settings) -> Sources:
    """Return what the settings name.

    Raises:
        BadRequestError: the context, or a file that it names, cannot be read.

    """
    context = load_context(settings.context)
    tls = make_tls(context) if wants_tls(context) else None
    log = await Tail.open(settings.server_log) if settings.server_log else None
    return Sources(tuple(await open_refusals(log, settings.server_monitor, tls)), log)
