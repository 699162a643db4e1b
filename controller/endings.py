"""When what this controller lives on ends: its servers' certificates, the authority, its own credentials."""

from __future__ import annotations

import asyncio
import logging

from wire.bus.survey import read_certificate_end
from wire.context import Context
from wire.endings import Ending, EndingKind, read_own
from wire.errors import BadRequestError, BrambleError
from wire.redact import redact_url
from wire.tls import make_tls, wants_tls

LOOK_S = 600.0
"""How often: a renewed certificate is seen by new connections only, so each look is one."""

_log = logging.getLogger("bramble.endings")


class Endings:
    """Looks now and then; ``found`` is what it saw last. A server that is not reached keeps what it showed."""

    def __init__(self, context: Context, *, every_s: float = LOOK_S) -> None:
        self._context = context
        self._every_s = every_s
        self._own: tuple[Ending, ...] = ()
        self._servers: dict[str, Ending] = {}

    @property
    def found(self) -> tuple[Ending, ...]:
        """Everything that ends, as far as it is known."""
        return (*self._own, *self._servers.values())

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """Look once, at files and at every server of the context."""
        try:
            self._own = read_own(self._context)
        except BadRequestError as error:
            _note(error)
        for url in self._context.servers if wants_tls(self._context) else ():
            try:
                at = await read_certificate_end(url, make_tls(self._context))
            except BrambleError as error:
                _note(error)
            else:
                self._servers[url] = Ending(kind=EndingKind.CERTIFICATE, at=at, server=redact_url(url))


def _note(error: BrambleError) -> None:
    _log.warning("an end is not known", extra={"action": "look_for_ends", "error": error.message})
