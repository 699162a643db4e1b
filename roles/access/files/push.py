# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Gives the servers the account as the operator's directory has it now: roles, and who is shut out.

    python push.py --access DIR [--leaf URL]... [--out KEY]... [--check]

(``--leaf``: a server of another site, which hears of it from nobody else; noted for ``bramble access``; ``--out``: the
public half of a key that is shut out first) prints ``{"changed": true, "untold": [], "unrecorded": ""}`` where they
went by another one until now; with ``--check`` they still do. ``untold`` says of each leaf that could not be told why;
the others were. ``unrecorded`` says why who came and went is not on the cluster's record, where it is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from cli.access.authority import Authority
from cli.access.enforce import push_account
from cli.access.witness import bear_witness
from wire.bus import Link
from wire.context import Context
from wire.errors import BrambleError, BusError
from wire.redact import redact_url

ASK_S = 5.0


async def push(authority: Authority, url: str, *, check: bool) -> bool:
    """Tell whether the servers went by another account, and unless ``check`` give them this one."""
    claim, pair = authority.system_user()
    context = Context(url=url, ca=authority.record.ca, user_jwt=claim, user_seed=pair.reveal_seed())
    link = await Link.open(context, name="bramble-push")
    try:
        known = await link.request(f"$SYS.REQ.ACCOUNT.{authority.account}.CLAIMS.LOOKUP", within=ASK_S)
    finally:
        await link.close()
    changed = known.data.decode("ascii", "replace") != authority.account_claim()
    if changed and not check:
        await push_account(authority, url=url)
    return changed


def shut_out(authority: Authority, keys: Collection[str], *, check: bool) -> bool:
    """Shut out who has one of these keys; return whether there is anybody."""
    names = [user.name for user in authority.record.users if user.public_key in keys and not user.revoked_at]
    if not check:
        for name in names:
            authority.revoke(name)
    return bool(names)


async def push_everywhere(authority: Authority, leaves: Sequence[str], *, check: bool) -> dict[str, Any]:
    """Push to the servers and to those of other sites; return whether any went by another account, and who is away.

    Raises:
        BrambleError: the cluster's own servers could not be told.

    """
    if not check and {*leaves} != {*authority.record.leaves}:
        authority.keep_leaves(leaves)
    changed, untold = await push(authority, authority.record.url, check=check), []
    for url in leaves:
        try:
            changed |= await push(authority, url, check=check)
        except BusError as error:
            untold.append(f"{redact_url(url)}: {error.message}")
    problem = None if check else await bear_witness(authority)
    return {"changed": changed, "untold": untold, "unrecorded": problem.message if problem else ""}


def main() -> None:
    """Push."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--access", type=Path, required=True)
    parser.add_argument("--leaf", action="append", default=[], metavar="URL", help="another site's server")
    parser.add_argument("--out", action="append", default=[], metavar="KEY", help="shut out who has this public key")
    parser.add_argument("--check", action="store_true", help="change nothing, only tell what would be")
    found = parser.parse_args()
    try:
        authority = Authority.open(found.access)
        gone = shut_out(authority, found.out, check=found.check)
        done = asyncio.run(push_everywhere(authority, found.leaf, check=found.check))
        done["changed"] |= gone
    except BrambleError as error:
        sys.exit(f"error: {error}\nremedy: {error.remedy or 'are the servers up?'}")
    print(json.dumps(done))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
