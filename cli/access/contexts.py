"""Contexts for those who were let in: files that Bramble and the ``nats`` command both read."""

from __future__ import annotations

from pathlib import Path

from cli.access.authority import Authority
from cli.access.claims import encode_credentials
from wire.context import Context, inbox_prefix_of, save_context
from wire.errors import BadRequestError
from wire.identity import KeyPair, Kind, write_private
from wire.permissions import Role


def write_context(authority: Authority, name: str, role: Role, path: Path, *, ca: str | None = None) -> Context:
    """Make a key for somebody, sign it, and write a context with the credentials beside it.

    Raises:
        BadRequestError: the name is taken or not valid, or there is a context in that place already.

    """
    if path.exists():
        raise BadRequestError(f"{path} exists", remedy="name another place with --out; nothing was overwritten")
    pair = KeyPair.make(Kind.USER)
    claim = authority.add(name, role, pair.public)
    credentials = path.with_suffix(".creds")
    write_private(credentials, encode_credentials(claim, pair))
    context = describe(authority, name, role, creds=str(credentials), ca=ca)
    save_context(context, path)
    return context


def describe(
    authority: Authority,
    name: str,
    role: Role,
    *,
    creds: str = "",
    nkey: str = "",
    claim: str = "",
    ca: str | None = None,
) -> Context:
    """Return the context of a user: with credentials, or with a claim that belongs to the key in the file ``nkey``.

    ``ca`` is where its machine has the certificate authority's file; None: where the record says.
    """
    record = authority.record
    return Context(
        url=record.url,
        description=f"{name}, {role} of {record.cluster}",
        creds=creds,
        nkey=nkey,
        user_jwt=claim,
        ca=record.ca if ca is None else ca,
        inbox_prefix=inbox_prefix_of(name),
    )
