"""Have the servers go by what the operator wrote down."""

from __future__ import annotations

from typing import Any

import msgspec

from cli.access.authority import Authority
from wire.bus import Link
from wire.context import Context
from wire.errors import BusError

_WITHIN_S = 5.0


async def push_account(authority: Authority, *, url: str = "") -> None:
    """Give the servers the account as it is now. Whoever is revoked in it is disconnected at once.

    Args:
        authority: whose account it is.
        url: of servers that are not those of the record, such as a leaf's.

    Raises:
        NotAuthorisedError: the servers trust another operator.
        BusError: they cannot be reached, or go by another version.

    """
    claim, pair = authority.system_user()
    record = authority.record
    context = Context(url=url or record.url, ca=record.ca, user_jwt=claim, user_seed=pair.reveal_seed())
    account = authority.account_claim()
    link = await Link.open(context, name="bramble-access")
    try:
        answer = await link.request("$SYS.REQ.CLAIMS.UPDATE", account.encode(), within=_WITHIN_S)
        _check(answer.data)
        kept = await link.request(f"$SYS.REQ.ACCOUNT.{authority.account}.CLAIMS.LOOKUP", b"", within=_WITHIN_S)
        if kept.data.decode("ascii", "replace") != account:
            raise BusError(
                "the server keeps a newer version of the account than this one",
                remedy="has this clock gone back, or is there a newer copy of the operator's directory?",
            )
    finally:
        await link.close()


def _check(data: bytes) -> None:
    try:
        answer: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BusError(f"the server's answer cannot be read: {data[:200]!r}") from error
    if refusal := answer.get("error"):
        raise BusError(f"the server did not take the account: {refusal}")
