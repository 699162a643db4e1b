"""Findings about the NATS server: from a client's side, and from its monitoring page where that can be read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cli.doctor.expiry import judge_end
from wire.bus.survey import ServerReport, StoreUse
from wire.endings import Ending, EndingKind
from wire.errors import BadRequestError
from wire.findings import Finding, Severity

ABOUT = "broker"
MIN_VERSION = (2, 11)
"""Older servers have no per-message TTL, which heartbeats in buckets need."""
MIN_PAYLOAD = 8_000_000
"""A 4K JPEG and every activation of a sensible cut fit; nats-server's own default is 1 MB."""
SLOW_S = 0.1
STORE_WARN, STORE_BROKEN = 0.8, 0.95
MAX_PING_S = 5.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Varz(msgspec.Struct, frozen=True):
    """What is of interest in the server's ``/varz``. Durations are nanoseconds, sizes bytes."""

    ping_interval: int
    jetstream: dict[str, Any] = {}


def read_varz(data: bytes) -> Varz:
    """Read the monitoring page.

    Raises:
        BadRequestError: it is none.

    """
    try:
        return msgspec.json.decode(data, type=Varz)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the monitoring page cannot be read: {error}", remedy="give its address") from error


def judge_server(report: ServerReport, now: float, *, url: str) -> Iterator[Finding]:
    """Judge a server as a client sees it; ``now`` in Unix seconds, ``url`` as it was connected to."""
    yield _find(
        "version", _read_version(report.version) >= MIN_VERSION, Severity.BROKEN, f"nats-server {report.version}",
        f"install {'.'.join(map(str, MIN_VERSION))} or newer",
    )  # fmt: skip
    yield _find(
        "max_payload", report.max_payload >= MIN_PAYLOAD, Severity.WARNING,
        f"takes payloads up to {report.max_payload / 1e6:.1f} MB", "set `max_payload: 8MB` in its configuration",
    )  # fmt: skip
    yield _find(
        "round_trip", report.round_trip_s < SLOW_S, Severity.WARNING,
        f"answers in {report.round_trip_s * 1e3:.1f} ms", "look at its host's load and at the network between",
    )  # fmt: skip
    local = all(urlsplit(part.strip()).hostname in _LOOPBACK for part in url.split(","))
    said = "the connection is encrypted" if report.encrypted else "the connection is not encrypted"
    yield _find(
        "tls", report.encrypted or local, Severity.WARNING, f"{said}{' (loopback)' if local else ''}",
        "pictures and passwords can be read on the network: switch TLS on",
    )  # fmt: skip
    if report.certificate_ends is not None:
        yield judge_end(ABOUT, Ending(kind=EndingKind.CERTIFICATE, at=report.certificate_ends), now)
    if report.disk is None or report.memory is None:
        yield _find(
            "jetstream",
            False,
            Severity.BROKEN,
            "JetStream is off, or no controller tells",
            "add a `jetstream {…}` block, and see that a controller runs",
        )
        return
    yield _judge_store("disk_store", report.disk)
    yield _judge_store("memory_store", report.memory)


def judge_settings(varz: Varz) -> Iterator[Finding]:
    """Judge what only the monitoring page tells."""
    ping = varz.ping_interval / 1e9
    yield _find(
        "ping_interval", ping <= MAX_PING_S, Severity.WARNING, f"pings its clients every {ping:g} s",
        'set `ping_interval: "1s"` and `ping_max: 2`: a node that hangs is noticed only by its pings',
    )  # fmt: skip
    settings = varz.jetstream.get("config") or {}
    yield _find(
        "sync_interval", bool(settings.get("sync_always")), Severity.WARNING,
        f"what is acknowledged is {'' if settings.get('sync_always') else 'not yet '}on the disk",
        "set `sync_interval: always` in the jetstream block: a power cut loses up to two minutes otherwise",
    )  # fmt: skip
    used = (varz.jetstream.get("stats") or {}).get("storage", 0)
    yield _judge_store("server_store", StoreUse(used, settings.get("max_storage") or None))


def _judge_store(check: str, use: StoreUse) -> Finding:
    if use.limit is None:
        return _find(check, True, Severity.WARNING, f"{use.used / 1e6:.1f} MB used, no limit of its own", "")
    share = use.used / use.limit
    severity = Severity.BROKEN if share >= STORE_BROKEN else Severity.WARNING
    text = f"{use.used / 1e6:.1f} of {use.limit / 1e6:.1f} MB used"
    return _find(check, share < STORE_WARN, severity, text, "remove what is not needed, or raise the limit")


def _find(check: str, well: bool, otherwise: Severity, text: str, remedy: str) -> Finding:  # noqa: FBT001 - a verdict
    severity = Severity.WELL if well else otherwise
    return Finding(about=ABOUT, check=check, severity=severity, text=text, remedy="" if well else remedy)


def _read_version(text: str) -> tuple[int, ...]:
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) if number.isdigit() else 0 for number in numbers)
