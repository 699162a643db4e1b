"""What ends some day, and is to be renewed before: certificates, and credentials that were given for a time."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from wire.context import Context
from wire.errors import BadRequestError
from wire.findings import Severity
from wire.messages import Message

WARN_S, BROKEN_S = 30 * 86400.0, 3 * 86400.0
_CLAIM_BEGINS = "-----BEGIN NATS USER JWT-----"


class EndingKind(StrEnum):
    """What ends."""

    CERTIFICATE = "certificate"  # a server's
    AUTHORITY = "authority"
    CREDENTIALS = "credentials"


REMEDIES = {
    EndingKind.CERTIFICATE: "renew it: site.yml does, or `bramble access certificate`, and have the server reload",
    EndingKind.AUTHORITY: "make a new authority, and have it vouch for every server: docs/security.md, *Renewing*",
    EndingKind.CREDENTIALS: "have an operator let you in anew: `bramble access add`",
}
_WORDS = {
    EndingKind.CERTIFICATE: "the server's certificate",
    EndingKind.AUTHORITY: "the certificate authority",
    EndingKind.CREDENTIALS: "what lets it in",
}


class Ending(Message, frozen=True, omit_defaults=True):
    """Something that ends; ``at`` in Unix seconds."""

    kind: EndingKind
    at: float
    server: str = ""  # of a certificate: where it is shown, without user and password

    def judge(self, now: float) -> Severity:
        """Return how bad it is: well while there is a month left, broken in the last three days."""
        left = self.at - now
        if left >= WARN_S:
            return Severity.WELL
        return Severity.WARNING if left >= BROKEN_S else Severity.BROKEN

    def tell(self, now: float) -> str:
        """Return it in words."""
        left = self.at - now
        what = f"{_WORDS[self.kind]} at {self.server}" if self.server else _WORDS[self.kind]
        return f"{what} ends in {left / 86400:.0f} days" if left > 0 else f"{what} has ended"


def find_earliest(endings: Iterable[Ending]) -> dict[EndingKind, Ending]:
    """Return the one of each kind that ends first."""
    return {each.kind: each for each in sorted(endings, key=lambda each: each.at, reverse=True)}


def read_own(context: Context) -> tuple[Ending, ...]:
    """Return what the context's own files say.

    Raises:
        BadRequestError: one of them cannot be read.

    """
    found = []
    if context.ca:
        found.append(Ending(kind=EndingKind.AUTHORITY, at=read_authority_end(Path(context.ca).expanduser())))
    token = context.user_jwt or _read_token(context.creds)
    if token and (ends := read_token_end(token)) is not None:
        found.append(Ending(kind=EndingKind.CREDENTIALS, at=ends))
    return tuple(found)


def read_authority_end(path: Path) -> float:
    """Return when the first of an authority's certificates ends, in Unix seconds.

    Raises:
        BadRequestError: there is none.

    """
    try:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one
        raise BadRequestError(f"the certificate authority's file {path} cannot be read: {error}") from error
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in trusted.get_ca_certs()]
    if not ends:
        raise BadRequestError(f"the certificate authority's file {path} holds no authority")
    return float(min(ends))


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
