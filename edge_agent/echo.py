"""Answers probes, by which the controller times this node's link; and says what answering costs the processor."""

from __future__ import annotations

import os
import time

from wire import subjects
from wire.answers import address
from wire.bus import Link, Received
from wire.bus.link import check_headers
from wire.errors import BadRequestError, BusError
from wire.profiles import MAX_PROBE_BYTES, PROBE_BYTES, PROBE_CPU
from wire.service import error_headers

_PENDING = 16


class Echo:
    """Listens on ``node.<node>.probe``, on the connection that frames take too."""

    def __init__(self, node: str, link: Link) -> None:
        self._node = node
        self._link = link
        self._filling = b""

    async def listen(self) -> None:
        """Begin to listen."""
        await self._link.subscribe(
            subjects.NODE_PROBE.build(node=self._node),
            self._receive,
            max_pending=_PENDING,
            max_pending_bytes=_PENDING * MAX_PROBE_BYTES,
        )

    async def _receive(self, message: Received) -> None:
        if not (reply := address(message.reply, self._node)):
            return
        try:
            wanted = read_wanted(check_headers(message).get(PROBE_BYTES, "0"))
        except BadRequestError as error:
            await self._link.publish(reply, error.to_json(), headers=error_headers(error))
            return
        if len(self._filling) < wanted:
            self._filling = os.urandom(wanted)  # a link that compresses gains nothing
        elif not wanted:
            self._filling = b""
        spent = str(round(time.process_time() * 1e6))
        try:
            await self._link.publish(reply, self._filling[:wanted], headers={PROBE_CPU: spent})
        except BusError:
            return  # whoever measures sees that no answer came


def read_wanted(text: str) -> int:
    """Return how many bytes are asked for.

    Raises:
        BadRequestError: it is no number, or too large a one.

    """
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= MAX_PROBE_BYTES):  # noqa: PLR2004 - digits
        raise BadRequestError(
            f"{PROBE_BYTES}: {text[:40]!r} is not a number of bytes", remedy=f"ask for 0 to {MAX_PROBE_BYTES}"
        )
    return int(text)
