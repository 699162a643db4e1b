# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Has the operator know every key: gives each program its context, and each server its certificate.

    python sign.py --access DIR [--check] < request.json

The directory, the certificate authority and the operator's own context are made where they are missing. The request is
``{"cluster", "url", "tls", "operator", "context", "store", "programs": [[{"program": "agent", "role": "agent", "name":
"pi-1"}, "U…"]], "servers": [[{"host": "pi-1", "names": ["10.0.0.2"]}, what ``wire.certificate request`` printed
there]]}``; the answer ``{"changed", "contexts": {name: context}, "trust", "ca", "certificates": {host: PEM},
"account"}``, in which nothing is secret. ``trust`` is the servers' part. ``tls`` false: connections are in plain text.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from cli.access.authority import Authority
from cli.access.certificates import CA_FILE, create_ca, is_good, sign_request
from cli.access.contexts import describe, write_context
from cli.access.server_config import render_trust
from wire.context import save_context
from wire.errors import BadRequestError, BrambleError
from wire.ids import Token
from wire.permissions import Role

CREDENTIALS = "/run/credentials/bramble-{program}.service"
"""Where systemd shows a unit, and nobody else, its key, and the certificate authority's file (``LoadCredential=``)."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program of some host."""

    program: Token  # its unit is bramble-<program>.service
    role: Role
    name: Token


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A host with a server."""

    host: str  # its name in the inventory
    names: tuple[str, ...]  # and addresses, by which it is reached


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What ``wire.certificate request`` prints; both empty in a check of a host that has nothing yet."""

    request: str
    certificate: str


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wanted."""

    cluster: Token
    url: str
    tls: bool
    operator: Token
    context: str  # path of the operator's
    store: str  # path on the servers' hosts
    programs: tuple[tuple[Program, str], ...] = ()
    servers: tuple[tuple[Server, str], ...] = ()


NOTHING: dict[str, Any] = {"changed": True, "contexts": {}, "trust": "", "ca": "", "certificates": {}}


def sign(directory: Path, request: Request, *, check: bool) -> dict[str, Any]:
    """Return the answer; with ``check`` nothing is written.

    Raises:
        BrambleError: a key was revoked, a name is taken, or the directory cannot be used.

    """
    if check and not is_done(directory, request):
        return NOTHING
    if not (directory / "access.json").exists():
        Authority.create(directory, cluster=request.cluster, url=request.url)
    authority = Authority.open(directory)
    before = authority.record.users, authority.record.url, authority.record.ca
    if not check:
        ca = directory / CA_FILE
        if request.tls and not ca.exists():
            create_ca(directory, request.cluster)
        authority.serve_at(request.url, ca=str(ca) if request.tls else "")
        admit_operator(authority, request.operator, Path(request.context))
    contexts = {}
    for program, key in request.programs:
        replace_key(authority, program, key)
        claim = authority.add(program.name, program.role, key)
        shown = Path(CREDENTIALS.format(program=program.program))
        ca_shown = str(shown / CA_FILE) if request.tls else ""
        seed = str(shown / f"{program.program}.nk")
        contexts[program.name] = describe(authority, program.name, program.role, nkey=seed, claim=claim, ca=ca_shown)
    certificates, issued = certify(directory, request)
    return {
        "changed": issued or before != (authority.record.users, authority.record.url, authority.record.ca),
        "contexts": contexts,
        "trust": render_trust(authority, store=Path(request.store)),
        "ca": (directory / CA_FILE).read_text("ascii") if request.tls else "",
        "certificates": certificates,
        "account": authority.account,
    }


def is_done(directory: Path, request: Request) -> bool:
    """Tell whether everything that is asked for has been signed already."""
    if not (directory / "access.json").exists() or (request.tls and not (directory / CA_FILE).exists()):
        return False
    record = Authority.open(directory).record
    if (record.url, bool(record.ca)) != (request.url, request.tls):
        return False
    known = {(user.name, user.public_key) for user in record.users if not user.revoked_at}
    return {(program.name, key) for program, key in request.programs} <= known and all(
        may_keep(directory, server, shown) for server, shown in request.servers
    )


def certify(directory: Path, request: Request) -> tuple[dict[str, str], bool]:
    """Return each server's certificate, and whether any is new."""
    certificates = {}
    issued = False
    for server, shown in request.servers:
        found = msgspec.json.decode(shown, type=Shown)
        if may_keep(directory, server, shown):
            certificates[server.host] = found.certificate
        else:
            certificates[server.host] = sign_request(directory, found.request.encode(), server.names)
            issued = True
    return certificates, issued


def may_keep(directory: Path, server: Server, shown: str) -> bool:
    """Tell whether a server's certificate still does."""
    found = msgspec.json.decode(shown, type=Shown)
    request, certificate = found.request.encode(), found.certificate.encode()
    return is_good(directory, certificate, request, server.names, datetime.now(UTC))


def admit_operator(authority: Authority, name: str, path: Path) -> None:
    """Let the operator in; the key is made here and stays in the credentials beside the context."""
    credentials = path.with_suffix(".creds")
    if credentials.exists() and authority.record.find(name):
        save_context(describe(authority, name, Role.OPERATOR, creds=str(credentials)), path)
        return
    if authority.record.find(name):  # the credentials were lost: what is lost is shut out
        authority.revoke(name)
    path.unlink(missing_ok=True)
    write_context(authority, name, Role.OPERATOR, path)


def replace_key(authority: Authority, program: Program, key: str) -> None:
    """Shut the old key of a host out that has a new one: of a new SD card, or after a rotation.

    Raises:
        BadRequestError: the key was revoked by hand, so it must not come in again by itself.

    """
    if key in authority.record.revocations():
        raise BadRequestError(
            f"the key of {program.name} was revoked",
            remedy="take its host out of the inventory, or give it a new key: playbooks/rotate.yml --limit HOST",
        )
    known = authority.record.find(program.name)
    if known is not None and known.public_key != key:
        authority.revoke(program.name)


def main() -> None:
    """Sign; print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--access", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="write nothing, only tell whether something would change")
    found = parser.parse_args()
    try:
        request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
        answer = sign(found.access, request, check=found.check)
    except BrambleError as error:
        sys.exit(f"error: {error}\nremedy: {error.remedy or 'see `bramble access list`'}")
    except (msgspec.MsgspecError, OSError) as error:
        sys.exit(f"error: {error}")
    print(msgspec.json.encode(answer).decode())  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
