"""What a connection tells of its server: settings that matter to Bramble, room in its stores, its certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import nats.errors
import nats.js.errors

from wire.bus.link import Link
from wire.bus.transport import SocketTransport
from wire.context import ANONYMOUS
from wire.errors import BusError
from wire.redact import redact_url
from wire.subjects import READ, STORE_API

DEFAULT_PORT = 4222
PART_S = 1.0


@dataclass(frozen=True, slots=True)
class StoreUse:
    """JetStream's use of one kind of storage, bytes; a limit of None is none."""

    used: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server as it shows itself to a client."""

    server: str  # host:port, as the context has it
    version: str
    max_payload: int  # bytes
    round_trip_s: float
    encrypted: bool
    certificate_ends: float | None  # Unix seconds; None without TLS
    disk: StoreUse | None  # None: JetStream is off, or no controller tells
    memory: StoreUse | None


async def survey_server(link: Link, *, within: float = 5.0) -> ServerReport:
    """Ask the server at the other end of a connection.

    Raises:
        BusError: it cannot be reached.

    """
    client = link.client
    started = time.monotonic()
    await link.flush(within=within)
    round_trip = time.monotonic() - started
    disk, memory = await _read_stores(link, within)
    version = client.connected_server_version
    encrypted, certificate_ends = _read_encryption(link)
    where = client.connected_url
    return ServerReport(
        server=where.netloc.rpartition("@")[2] if where else "",
        version=".".join(str(part) for part in (version.major, version.minor, version.patch)),
        max_payload=link.max_payload,
        round_trip_s=round_trip,
        encrypted=encrypted,
        certificate_ends=certificate_ends,
        disk=disk,
        memory=memory,
    )


async def read_certificate_end(url: str, tls: ssl.SSLContext, *, within: float = 5.0) -> float:
    """Return when the certificate of the server at that URL ends, in Unix seconds; nobody needs to be let in for it.

    Raises:
        BusError: it cannot be reached or trusted; not when its certificate has ended, for one.

    """
    address = urlsplit(url)
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(address.hostname, address.port or DEFAULT_PORT)
            try:
                await reader.readline()  # its greeting, before the encryption
                await writer.start_tls(tls, server_hostname=address.hostname)
                ends = (writer.get_extra_info("peercert") or {}).get("notAfter")
                await _part(writer)
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BusError(f"{redact_url(url)} cannot be looked at: {str(error) or type(error).__name__}") from error
    if not isinstance(ends, str):
        raise BusError(f"{redact_url(url)} shows no certificate")
    return float(ssl.cert_time_to_seconds(ends))


async def _part(writer: asyncio.StreamWriter) -> None:
    """End a connection in order: a server that is cut off in the middle takes it for a failure, and records it."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PART_S):
            await writer.wait_closed()


async def _read_stores(link: Link, within: float) -> tuple[StoreUse | None, StoreUse | None]:
    prefix = STORE_API if link.user == ANONYMOUS else f"{READ}.{link.user}"
    try:
        account = await link.client.jetstream(prefix=prefix, timeout=within).account_info()
    except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError, nats.errors.TimeoutError):
        return None, None  # a controller that is asked in the server's place may be silent, and is found so elsewhere
    except (nats.errors.Error, nats.js.errors.Error) as error:
        raise BusError(f"the server did not tell of its stores: {error!r}") from error
    limits = account.limits
    return (
        StoreUse(account.storage, _limit(limits.max_storage)),
        StoreUse(account.memory, _limit(limits.max_memory)),
    )


def _limit(value: int) -> int | None:
    return value if value > 0 else None


def _read_encryption(link: Link) -> tuple[bool, float | None]:
    """Return whether the connection is encrypted, and when the server's certificate ends."""
    transport = link.client._transport  # noqa: SLF001 - nats-py shows it nowhere else
    found = transport.encryption if isinstance(transport, SocketTransport) else None
    if not isinstance(found, ssl.SSLObject):
        return False, None
    ends = (found.getpeercert() or {}).get("notAfter")
    return True, float(ssl.cert_time_to_seconds(ends)) if isinstance(ends, str) else None
