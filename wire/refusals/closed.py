"""Reads on a nats-server's monitoring page whose encryption failed.

The log tells why, of most; who goes on in plain text is there only where it tells of everything (nats-server 2.15).
https://docs.nats.io/running-a-nats-service/nats_admin/monitoring#connection-information
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Container
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec

from wire.audit import MAX_DETAIL, Deed, Outcome
from wire.errors import BadRequestError

POLL_S = 2.0
ASK_S = 5.0
LIMIT = 256
"""So many of those that were closed last are looked at; in a flood the others are not told apart."""

CLOSED = f"state=closed&sort=stop&limit={LIMIT}"
MAX_PAGE = 1 << 20
MOST_HEARD = 1024
FAILURE = "TLS Handshake Failure"

_log = logging.getLogger("bramble.audit")


class Closed(msgspec.Struct, frozen=True):
    """A connection that was closed."""

    cid: int
    ip: str = "?"
    port: int = 0
    reason: str = ""

    @property
    def peer(self) -> str:
        """As the log has it."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class Heard:
    """Those of whom the log has told, the newest 1024."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, None] = OrderedDict()

    def add(self, peer: str) -> None:
        """Remember ``address:port``."""
        self._peers[peer] = None
        if len(self._peers) > MOST_HEARD:
            self._peers.popitem(last=False)

    def __contains__(self, peer: object) -> bool:
        return peer in self._peers


class Page(msgspec.Struct, frozen=True):
    """What is of interest in ``/connz?state=closed``."""

    server_id: str
    connections: tuple[Closed, ...] = ()

    @property
    def ids(self) -> frozenset[tuple[str, int]]:
        """Each connection, also over a restart of the server, which counts from one again."""
        return frozenset((self.server_id, each.cid) for each in self.connections)


def read_page(data: bytes) -> Page:
    """Read the page.

    Raises:
        BadRequestError: it is none.

    """
    try:
        return msgspec.json.decode(data, type=Page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the monitoring page cannot be read: {error}") from error


def find_failures(page: Page, known: frozenset[tuple[str, int]]) -> list[Closed]:
    """Return each connection that failed and is not known yet, oldest first."""
    return [
        each
        for each in reversed(page.connections)
        if each.reason == FAILURE and (page.server_id, each.cid) not in known
    ]


def tell_failure(closed: Closed) -> Deed:
    """Return what is put on the record."""
    return Deed(who=closed.ip[:100] or "?", action="access.connect", outcome=Outcome.REFUSED, detail=FAILURE)


async def open_page(url: str, tls: ssl.SSLContext | None, heard: Container[str] = ()) -> AsyncIterator[Deed]:
    """Return the failures from now on, for ever; what was there before was told when it came.

    Args:
        url: of the monitoring endpoint, such as ``https://127.0.0.1:8222``.
        tls: what to trust there; None for ``http``.
        heard: ``address:port`` of those of whom the log has told, with more words.

    Raises:
        BadRequestError: the address is none.

    """
    if not url.startswith(("https://", "http://")):
        raise BadRequestError(f"{url!r} is no web address", remedy="give https://HOST:PORT")
    page = await _look(url, tls)
    return _follow(url, tls, page.ids if isinstance(page, Page) else None, heard)


async def _follow(
    url: str, tls: ssl.SSLContext | None, known: frozenset[tuple[str, int]] | None, heard: Container[str]
) -> AsyncIterator[Deed]:
    found: list[Closed] = []
    while True:
        for each in found:  # of the last look: the log has been read since
            if each.peer not in heard:
                yield tell_failure(each)
        found = []
        page = await _look(url, tls)
        if isinstance(page, Deed):
            yield page
        elif page is not None:
            found = find_failures(page, page.ids if known is None else known)
            known = page.ids
        await asyncio.sleep(POLL_S)


async def _look(url: str, tls: ssl.SSLContext | None) -> Page | Deed | None:
    """Return the page; a refusal of our own where who shows it is not to be trusted; None where nobody does."""
    try:
        return read_page(await asyncio.to_thread(fetch_connections, url, tls, CLOSED))
    except (OSError, HTTPException, BadRequestError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return refuse_server(url, reason.verify_message)
        _log.debug("the monitoring page cannot be read", extra={"action": "follow_closed", "error": str(error)})
        return None


def refuse_server(url: str, why: str) -> Deed:
    """Return what is put on the record of a server that does not prove to be the cluster's."""
    where = urlsplit(url)
    detail = f"the server is not trusted: {why}"[:MAX_DETAIL]
    host = (where.hostname or "?")[:100]
    return Deed(who=host, action="access.connect", target=where.netloc[:200], outcome=Outcome.REFUSED, detail=detail)


def fetch_connections(url: str, tls: ssl.SSLContext | None, which: str) -> bytes:
    """Return the page of connections; ``which`` is its query.

    Raises:
        OSError: it cannot be had, or who shows it is not to be trusted.
        HTTPException: what answers is no web server.

    """
    where = f"{url.rstrip('/')}/connz?{which}"
    with urlopen(where, timeout=ASK_S, context=tls) as reply:  # noqa: S310 - whoever opens it has checked the scheme
        data: bytes = reply.read(MAX_PAGE)
        return data
