"""What ends some day, so that it is renewed before: certificates, and credentials that were given for a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from wire.bus.survey import read_certificate_end
from wire.context import Context
from wire.errors import BadRequestError, BrambleError
from wire.findings import Finding, Severity
from wire.redact import redact_url
from wire.tls import make_tls, wants_tls

WARN_S, BROKEN_S = 30 * 86400.0, 3 * 86400.0
RENEW = "renew it: site.yml does, or `bramble access certificate`, and have the server reload"
RENEW_AUTHORITY = "make a new authority, and have it vouch for every server: docs/security.md, *Renewing*"
RENEW_CREDENTIALS = "have an operator let you in anew: `bramble access add`"
_CLAIM_BEGINS = "-----BEGIN NATS USER JWT-----"


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends; ``at`` in Unix seconds."""

    check: str
    what: str
    at: float
    remedy: str


def judge_end(about: str, ending: Ending, now: float) -> Finding:
    """Return a finding: well while there is a month left."""
    left = ending.at - now
    severity = Severity.WARNING if left >= BROKEN_S else Severity.BROKEN
    if left >= WARN_S:
        severity = Severity.WELL
    text = f"{ending.what} ends in {left / 86400:.0f} days" if left > 0 else f"{ending.what} has ended"
    remedy = "" if severity is Severity.WELL else ending.remedy
    return Finding(about=about, check=ending.check, severity=severity, text=text, remedy=remedy)


def judge_own(context: Context, now: float) -> Iterator[Finding]:
    """Judge what the context's own files say.

    Raises:
        BadRequestError: one of them cannot be read.

    """
    if context.ca:
        at = read_authority_end(Path(context.ca).expanduser())
        yield judge_end("context", Ending("authority", "the certificate authority", at, RENEW_AUTHORITY), now)
    token = context.user_jwt or _read_token(context.creds)
    if token and (ends := read_token_end(token)) is not None:
        yield judge_end("context", Ending("credentials", "what lets you in", ends, RENEW_CREDENTIALS), now)


async def judge_others(context: Context, connected: str, now: float) -> list[Finding]:
    """Judge the certificates of the context's servers but the one that we are connected to, ``host:port``."""
    found = []
    for url in context.servers if wants_tls(context) else []:
        if urlsplit(url).netloc.rpartition("@")[2] == connected:
            continue
        about = f"broker {redact_url(url)}"
        try:
            at = await read_certificate_end(url, make_tls(context))
        except BrambleError as error:
            found.append(
                Finding(about=about, check="certificate", severity=Severity.BROKEN, text=error.message, remedy=RENEW)
            )
        else:
            found.append(judge_end(about, Ending("certificate", "the server's certificate", at, RENEW), now))
    return found


def read_authority_end(path: Path) -> float:
    """Return when a certificate ends, in Unix seconds.

    Raises:
        BadRequestError: there is none.

    """
    from cryptography import x509  # noqa: PLC0415 - costs a tenth of a second to import

    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError) as error:
        raise BadRequestError(f"the certificate authority's file {path} cannot be read: {error}") from error


def read_token_end(token: str) -> float | None:
    """Return when a signed claim ends, in Unix seconds; None: never. The signature is the server's to check.

    Raises:
        BadRequestError: it is no claim.

    """
    try:
        body = token.split(".")[1]
        claim: dict[str, Any] = msgspec.json.decode(
            base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=dict[str, Any]
        )
        return float(claim["exp"]) if claim.get("exp") else None
    except (IndexError, ValueError, TypeError, binascii.Error, msgspec.DecodeError) as error:
        raise BadRequestError(f"the context's credentials cannot be read: {error!r}") from error


def _read_token(credentials: str) -> str:
    if not credentials:
        return ""
    try:
        text = Path(credentials).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the credentials {credentials} cannot be read: {error}") from error
    return text.partition(_CLAIM_BEGINS)[2].strip().partition("\n")[0].strip()
