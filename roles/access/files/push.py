# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Gives the servers the account as the operator's directory has it now: roles, and who is shut out.

    python push.py --access DIR [--leaf URL]... [--check]

(``--leaf``: a server of another site, which hears of it from nobody else; noted for ``bramble access``)
prints ``{"changed": true, "untold": []}`` where they went by another one until now; with ``--check`` they still do.
``untold`` says of each leaf that could not be told why; the others were.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.access.authority import Authority
from cli.access.enforce import push_account
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


async def push_everywhere(authority: Authority, leaves: Sequence[str], *, check: bool) -> dict[str, object]:
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
    return {"changed": changed, "untold": untold}


def main() -> None:
    """Push."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--access", type=Path, required=True)
    parser.add_argument("--leaf", action="append", default=[], metavar="URL", help="another site's server")
    parser.add_argument("--check", action="store_true", help="change nothing, only tell what would be")
    found = parser.parse_args()
    try:
        done = asyncio.run(push_everywhere(Authority.open(found.access), found.leaf, check=found.check))
    except BrambleError as error:
        sys.exit(f"error: {error}\nremedy: {error.remedy or 'are the servers up?'}")
    print(json.dumps(done))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
