# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Has the operator's directory know every program's public key, and gives each its context.

    python sign.py --access DIR [--check] < request.json

The directory and the operator's own context are made where they are missing. The request is ``{"cluster", "url",
"operator", "context", "store", "programs": [[{"role": "agent", "name": "pi-1"}, "U…"]]}``; the answer ``{"changed",
"contexts": {name: context}, "trust"}``, in which nothing is secret. ``trust`` is the servers' part.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from cli.access.authority import Authority
from cli.access.contexts import describe, write_context
from cli.access.server_config import render_trust
from wire.context import save_context
from wire.errors import BadRequestError, BrambleError
from wire.ids import Token
from wire.permissions import Role

CREDENTIALS = "/run/credentials/bramble-{role}.service/{role}.nk"
"""Where systemd shows a unit, and nobody else, its key (``LoadCredential=``)."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program of some host."""

    role: Role
    name: Token


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wanted."""

    cluster: Token
    url: str
    operator: Token
    context: str  # path of the operator's
    store: str  # path on the servers' hosts
    programs: tuple[tuple[Program, str], ...] = ()


def sign(directory: Path, request: Request, *, check: bool) -> dict[str, Any]:
    """Return the answer; with ``check`` nothing is written.

    Raises:
        BrambleError: a key was revoked, a name is taken, or the directory cannot be used.

    """
    if not (directory / "access.json").exists():
        if check:
            return {"changed": True, "contexts": {}, "trust": ""}
        Authority.create(directory, cluster=request.cluster, url=request.url)
    authority = Authority.open(directory)
    before = authority.record.users, authority.record.url
    known = {(user.name, user.public_key) for user in before[0] if not user.revoked_at}
    if check and {(program.name, key) for program, key in request.programs} - known:
        return {"changed": True, "contexts": {}, "trust": ""}
    if not check:
        authority.serve_at(request.url)
        admit_operator(authority, request.operator, Path(request.context))
    contexts = {}
    for program, key in request.programs:
        replace_key(authority, program, key)
        claim = authority.add(program.name, program.role, key)
        seed = CREDENTIALS.format(role=program.role)
        contexts[program.name] = describe(authority, program.name, program.role, nkey=seed, claim=claim)
    changed = before != (authority.record.users, authority.record.url)
    trust = render_trust(authority, store=Path(request.store))
    return {"changed": changed, "contexts": contexts, "trust": trust}


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
