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
from collections.abc import Callable
from threading import Lock

from wire.bus.link import Link, Received, Subscription
from wire.bus.protocol import Publication

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
        self._opening = Lock()
        self._subscription: Subscription

    @classmethod
    async def open(cls, link: Link, *, header: str) -> Knocker:
        """Begin to listen; a message with ``header`` is a knock."""
        knocker = cls(link, header)
        knocker._subscription = await link.take(f"{knocker._inbox}.*", knocker._receive)
        return knocker

    def post(self, message: Publication, on_nobody: Nobody) -> bool:
        """Publish now, from any thread; False, and nothing published, where it has to wait: then :meth:`publish` does.

        Its ``reply`` is answered by whoever receives; ``on_nobody`` is called, in the loop, if there is nobody.

        Raises:
            TooLargeError: the payload is above the server's limit.

        """
        token = self._remember(on_nobody)
        sent = False
        try:
            sent = self._link.post_all(message, self._make_knock(message, token))
        finally:
            if not sent:
                self._forget(token)
        return sent

    async def publish(self, message: Publication, on_nobody: Nobody) -> None:
        """Publish as :meth:`post` does, and wait for the server where that takes it.

        Raises:
            TooLargeError: the payload is above the server's limit.
            BusError: the connection is gone.

        """
        for each in (message, self._make_knock(message, self._remember(on_nobody))):
            await self._link.publish(each.subject, each.payload, headers=each.headers, reply=each.reply)

    async def close(self) -> None:
        """Listen no more."""
        with self._opening:
            self._open.clear()
        await self._subscription.end()

    def _make_knock(self, message: Publication, token: str) -> Publication:
        return Publication(message.subject, headers={self._header: "1"}, reply=token)

    def _remember(self, on_nobody: Nobody) -> str:
        token = f"{self._inbox}.{next(self._numbers)}"
        with self._opening:
            self._open[token] = on_nobody
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return token

    def _forget(self, token: str) -> Nobody | None:
        with self._opening:
            return self._open.pop(token, None)

    def _receive(self, message: Received) -> None:
        on_nobody = self._forget(message.subject)
        if on_nobody is not None and (message.headers or {}).get(_STATUS) == _NOBODY:
            on_nobody()
