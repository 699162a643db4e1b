"""Whose key it is: the server's log names users by their keys, its monitoring page shows the claims they came in with.

https://docs.nats.io/running-a-nats-service/nats_admin/monitoring#connection-information (``auth=1``)
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from http.client import HTTPException

import msgspec

from wire.errors import BadRequestError
from wire.ids import is_token
from wire.refusals.closed import fetch_connections

MOST = 1024
LOOK_S = 0.5
"""One look in so many seconds at most, however many strangers there are: lines of the log come as rarely."""


_log = logging.getLogger("bramble.audit")


class _Connection(msgspec.Struct, frozen=True):
    jwt: str = ""


class _Page(msgspec.Struct, frozen=True):
    connections: tuple[_Connection, ...] = ()


class _Claim(msgspec.Struct, frozen=True):
    sub: str
    name: str


class Names:
    """Learns names from the page when a key comes up that it does not know; ``fetch`` returns the page.

    Who has left before the page is read keeps its key: ``bramble audit --access`` knows the name on the operator's
    machine.
    """

    def __init__(self, fetch: Callable[[], Awaitable[bytes | None]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: OrderedDict[str, str] = OrderedDict()
        self._looked: float | None = None
        self._looking = asyncio.Lock()

    async def find(self, key: str) -> str | None:
        """Return the name of the user with that key; None where it is not known."""
        async with self._looking:
            now = self._clock()
            if key not in self._known and (self._looked is None or now - self._looked >= LOOK_S):
                self._looked = now
                self._learn(_try_to_read(await self._fetch()))
        return self._known.get(key)

    def _learn(self, names: dict[str, str]) -> None:
        self._known.update(names)
        while len(self._known) > MOST:
            self._known.popitem(last=False)


async def fetch_users(url: str, tls: ssl.SSLContext | None) -> bytes | None:
    """Return the page of those who are connected now, with their claims; None where it cannot be had."""
    try:
        return await asyncio.to_thread(fetch_connections, url, tls, f"auth=1&limit={MOST}")
    except (OSError, HTTPException) as error:
        _log.debug("users are not named", extra={"action": "name_user", "error": str(error)})
        return None


def read_names(data: bytes) -> dict[str, str]:
    """Return the names on the page ``/connz?auth=1`` by key; the server has checked each claim's signature.

    Raises:
        BadRequestError: it is no such page.

    """
    try:
        page = msgspec.json.decode(data, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the monitoring page cannot be read: {error}") from error
    claims = (_read_claim(each.jwt) for each in page.connections if each.jwt)
    return {claim.sub: claim.name for claim in claims if claim is not None and is_token(claim.name)}


def _try_to_read(data: bytes | None) -> dict[str, str]:
    try:
        return read_names(data) if data else {}
    except BadRequestError as error:
        _log.warning("users are not named", extra={"action": "name_user", "error": error.message})
        return {}


def _read_claim(token: str) -> _Claim | None:
    try:
        body = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=_Claim)
    except (IndexError, ValueError, binascii.Error, msgspec.DecodeError):
        return None  # of another authority's making
