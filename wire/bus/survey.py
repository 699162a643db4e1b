"""What a connection tells of its server: settings that matter to Bramble, room in its stores, its certificate."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass

import nats.errors
import nats.js.errors

from wire.bus.link import Link
from wire.errors import BusError


@dataclass(frozen=True, slots=True)
class StoreUse:
    """JetStream's use of one kind of storage, bytes; a limit of None is none."""

    used: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server as it shows itself to a client."""

    version: str
    max_payload: int  # bytes
    round_trip_s: float
    encrypted: bool
    certificate_ends: float | None  # Unix seconds; None without TLS
    disk: StoreUse | None  # None: JetStream is off
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
    return ServerReport(
        version=".".join(str(part) for part in (version.major, version.minor, version.patch)),
        max_payload=link.max_payload,
        round_trip_s=round_trip,
        encrypted=encrypted,
        certificate_ends=certificate_ends,
        disk=disk,
        memory=memory,
    )


async def _read_stores(link: Link, within: float) -> tuple[StoreUse | None, StoreUse | None]:
    try:
        account = await link.client.jetstream(timeout=within).account_info()
    except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError):
        return None, None
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
    writer = getattr(link.client._transport, "_io_writer", None)  # noqa: SLF001 - nats-py shows it nowhere else
    found = writer.get_extra_info("ssl_object") if writer is not None else None
    if not isinstance(found, ssl.SSLObject):
        return False, None
    ends = (found.getpeercert() or {}).get("notAfter")
    return True, float(ssl.cert_time_to_seconds(ends)) if isinstance(ends, str) else None
