"""Operators, accounts and users as NATS knows them: JSON Web Tokens signed with NKeys.

Specification: NATS ADR-14 and the claims of https://github.com/nats-io/jwt (version 2).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wire.identity import KeyPair
from wire.permissions import RESPOND_WITHIN_S, Permissions

UNLIMITED = -1
_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Scope:
    """A signing key of an account, and what the users that it signs may do."""

    key: str  # public half
    role: str
    permissions: Permissions


def encode_operator(pair: KeyPair, *, name: str, system_account: str, issued_at: int) -> str:
    """Return the operator's own claim, signed by itself; seconds since the epoch."""
    nats = {"type": "operator", "version": 2, "system_account": system_account}
    return sign_claim(pair, subject=pair.public, name=name, nats=nats, issued_at=issued_at)


def encode_account(
    operator: KeyPair,
    account: str,
    *,
    name: str,
    issued_at: int,
    scopes: Sequence[Scope] = (),
    revoked: Mapping[str, int] | None = None,
    storage: bool = True,
) -> str:
    """Return the claim of the account with that public key.

    Args:
        operator: signs it.
        account: its public key.
        name: what people call it.
        issued_at: seconds since the epoch; servers keep the newest.
        scopes: its signing keys.
        revoked: public keys of users; claims issued until that second are refused.
        storage: whether it may use JetStream.

    """
    limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), UNLIMITED)
    if storage:
        limits |= dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), UNLIMITED)
    nats: dict[str, Any] = {
        "type": "account",
        "version": 2,
        "limits": {**limits, "wildcards": True, "disallow_bearer": True},
        "signing_keys": [_encode_scope(scope) for scope in scopes],
    }
    if revoked:
        nats["revocations"] = dict(revoked)
    return sign_claim(operator, subject=account, name=name, nats=nats, issued_at=issued_at)


def encode_user(
    signer: KeyPair, user: str, *, name: str, account: str, issued_at: int, lasts_s: int = 0, scoped: bool = True
) -> str:
    """Return the claim of the user with that public key; ``lasts_s`` of 0 is for ever.

    A scoped user has the permissions of the key that signed; another may do all that the account may.
    """
    limits = {} if scoped else dict.fromkeys(("subs", "data", "payload"), UNLIMITED)
    nats: dict[str, Any] = {"type": "user", "version": 2, **limits}
    if scoped:
        nats["issuer_account"] = account
    return sign_claim(signer, subject=user, name=name, nats=nats, issued_at=issued_at, lasts_s=lasts_s)


def sign_claim(
    signer: KeyPair, *, subject: str, name: str, nats: Mapping[str, Any], issued_at: int, lasts_s: int = 0
) -> str:
    """Return a signed token."""
    claim = {"iat": issued_at, "iss": signer.public, "name": name, "sub": subject, "nats": nats}
    if lasts_s:
        claim["exp"] = issued_at + lasts_s
    digest = hashlib.new("sha512_256", _to_json(claim)).digest()
    claim["jti"] = base64.b32encode(digest).decode().rstrip("=")
    signed = f"{_to_text(_to_json(_HEADER))}.{_to_text(_to_json(claim))}"
    return f"{signed}.{_to_text(signer.sign(signed.encode()))}"


def encode_credentials(token: str, pair: KeyPair) -> str:
    """Return a credentials file: what NATS clients of every language read."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        "Keep this file to yourself: whoever has it is you.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{pair.reveal_seed()}\n------END USER NKEY SEED------\n"
    )


def _encode_scope(scope: Scope) -> dict[str, Any]:
    granted = scope.permissions
    template: dict[str, Any] = {
        "pub": {"allow": list(granted.publish), "deny": list(granted.deny_publish)},
        "sub": {"allow": list(granted.subscribe)},
        **dict.fromkeys(("subs", "data", "payload"), UNLIMITED),
    }
    if granted.connects_as:
        template["allowed_connection_types"] = [granted.connects_as]
    if granted.responds:
        template["resp"] = {"max": 1, "ttl": RESPOND_WITHIN_S * _NS}
    return {"kind": "user_scope", "key": scope.key, "role": scope.role, "template": template, "description": ""}


def _to_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
