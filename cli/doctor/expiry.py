"""Findings about what ends: what the context's own files say, and the certificates of its servers."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from wire.bus.survey import read_certificate_end
from wire.context import Context
from wire.endings import REMEDIES, Ending, EndingKind, read_own
from wire.errors import BrambleError
from wire.findings import Finding, Severity
from wire.redact import redact_url
from wire.tls import make_tls, wants_tls


def judge_end(about: str, ending: Ending, now: float) -> Finding:
    """Return a finding: well while there is a month left."""
    severity = ending.judge(now)
    remedy = "" if severity is Severity.WELL else REMEDIES[ending.kind]
    return Finding(about=about, check=ending.kind.value, severity=severity, text=ending.tell(now), remedy=remedy)


def judge_own(context: Context, now: float) -> Iterator[Finding]:
    """Judge what the context's own files say.

    Raises:
        BadRequestError: one of them cannot be read.

    """
    for ending in read_own(context):
        yield judge_end("context", ending, now)


async def judge_others(context: Context, connected: str, now: float) -> list[Finding]:
    """Judge the certificates of the context's servers but the one that we are connected to, ``host:port``."""
    found = []
    kind = EndingKind.CERTIFICATE
    for url in context.servers if wants_tls(context) else []:
        if urlsplit(url).netloc.rpartition("@")[2] == connected:
            continue
        about = f"broker {redact_url(url)}"
        try:
            at = await read_certificate_end(url, make_tls(context))
        except BrambleError as error:
            broken, remedy = Severity.BROKEN, REMEDIES[kind]
            found.append(Finding(about=about, check=kind.value, severity=broken, text=error.message, remedy=remedy))
        else:
            found.append(judge_end(about, Ending(kind=kind, at=at), now))
    return found
