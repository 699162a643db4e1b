"""Publishing for somebody else to answer, and hearing at once when nobody is there to receive it.

The server tells a publisher that nobody listens (status 503) on the message's reply subject, but only where the
publisher itself listens on that subject. A message whose answer goes to a third party is therefore followed by a knock:
an empty message to the same subject, with a reply subject of our own. Receivers ignore it; the server answers it where
there is no receiver.
"""

from __future__ import annotations

import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping

from wire.bus.link import Link, Received, Subscription

MAX_OPEN = 256
"""Knocks that are remembered. The server answers one within a round trip or never."""

_STATUS, _NOBODY = "Status", "503"

_log = logging.getLogger("bramble.bus")

Nobody = Callable[[], None]


class Knocker:
    """Publishes with a knock. Make it with :meth:`open`."""

    def __init__(self, link: Link, header: str) -> None:
        self._link = link
        self._header = header
        self._inbox = link.client.new_inbox()
        self._numbers = itertools.count()
        self._open: OrderedDict[str, Nobody] = OrderedDict()
        self._subscription: Subscription

    @classmethod
    async def open(cls, link: Link, *, header: str) -> Knocker:
        """Begin to listen; a message with ``header`` is a knock."""
        knocker = cls(link, header)
        knocker._subscription = await link.take(f"{knocker._inbox}.*", knocker._receive)
        return knocker

    async def publish(
        self, subject: str, payload: bytes, *, headers: Mapping[str, str], reply: str, on_nobody: Nobody
    ) -> None:
        """Publish, for ``reply`` to be answered by whoever receives; ``on_nobody`` is called if there is nobody.

        Raises:
            TooLargeError: the payload is above the server's limit.
            BusError: the connection is gone.

        """
        await self._link.publish(subject, payload, headers=headers, reply=reply)
        token = f"{self._inbox}.{next(self._numbers)}"
        self._open[token] = on_nobody
        if len(self._open) > MAX_OPEN:
            self._open.popitem(last=False)
        await self._link.publish(subject, headers={self._header: "1"}, reply=token)

    async def close(self) -> None:
        """Listen no more."""
        self._open.clear()
        await self._subscription.end()

    def _receive(self, message: Received) -> None:
        on_nobody = self._open.pop(message.subject, None)
        if on_nobody is not None and (message.headers or {}).get(_STATUS) == _NOBODY:
            on_nobody()
