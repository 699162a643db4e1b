"""Puts changes of access on the cluster's record, in the name of who tells of them on this machine."""

from __future__ import annotations

import asyncio
import getpass
import re
import time
from datetime import UTC, datetime

from cli.access.authority import Authority, Change
from cli.connection import open_cluster
from wire.audit import Note
from wire.context import Context, inbox_prefix_of
from wire.errors import BrambleError, BusError
from wire.permissions import Role

WITHIN_S = 5.0
LATE_S = 10
"""A change that is told later than this after it was made is told with its time."""


async def bear_witness(authority: Authority) -> BrambleError | None:
    """Return None once all changes are on the record, or why they are not: there may be no cluster yet.

    What is not stays written down for the next time. Each is told once, or once more where this ends in the middle.
    """
    if not authority.record.untold:
        return None
    name = _own_name()
    claim, pair = authority.passing_user(name, Role.OPERATOR)
    record = authority.record
    context = Context(
        url=record.url,
        ca=record.ca,
        user_jwt=claim,
        user_seed=pair.reveal_seed(),
        inbox_prefix=inbox_prefix_of(name),
    )
    try:
        async with asyncio.timeout(WITHIN_S) as limit, open_cluster(context) as cluster:
            for change in record.untold:
                limit.reschedule(asyncio.get_running_loop().time() + WITHIN_S)
                await cluster.note_deed(describe(change, time.time()))
                authority.tick_off()
    except BrambleError as error:
        return error
    except TimeoutError:
        return BusError(f"the cluster did not answer within {WITHIN_S:.0f} s")
    return None


def describe(change: Change, now: float) -> Note:
    """Return what the record is to say of a change."""
    words = [f"as {change.role}"]
    if now - change.at > LATE_S:
        words.append(f"on {datetime.fromtimestamp(change.at, UTC):%Y-%m-%d %H:%M:%S} UTC")
    return Note(action=change.action, target=change.target, detail=", ".join(words))


def _own_name() -> str:
    """Return who runs this program, as a name that can be part of a subject."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", getpass.getuser())[:64] or "operator"
