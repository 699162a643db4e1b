"""Have the servers go by what the operator wrote down."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from cli.access.authority import Authority
from wire.bus import Link
from wire.context import Context
from wire.errors import BrambleError, BusError, NotAuthorisedError
from wire.redact import redact_url

_WITHIN_S = 5.0


async def push_everywhere(authority: Authority) -> None:
    """Give the account as it is now to the cluster's servers and to those of other sites, all at once.

    Each takes it by itself: one that cannot be reached keeps none of the others from it.

    Raises:
        NotAuthorisedError: the cluster's servers trust another operator.
        BusError: some did not take it; the message names them.

    """
    authority.account_claim()  # written down before anybody is told
    urls = (authority.record.url, *authority.record.leaves)
    done = await asyncio.gather(*(push_account(authority, url=url) for url in urls), return_exceptions=True)
    problems = [(url, each) for url, each in zip(urls, done, strict=True) if isinstance(each, BaseException)]
    for _, problem in problems:
        if not isinstance(problem, BrambleError):
            raise problem
    if not problems:
        return
    if isinstance(problems[0][1], NotAuthorisedError) and problems[0][0] == authority.record.url:
        raise problems[0][1]
    raise BusError(
        "; ".join(f"{redact_url(url)} did not take it: {problem}" for url, problem in problems),
        remedy="once they can be reached: `bramble access push`",
    )


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
