"""Puts changes of access on the cluster's record, in the name of who made them on this machine."""

from __future__ import annotations

import asyncio
import getpass
import re

from cli.access.authority import Authority
from cli.connection import open_cluster
from wire.audit import Note
from wire.context import Context, inbox_prefix_of
from wire.errors import BrambleError, BusError, NotAuthorisedError
from wire.permissions import Role

WITHIN_S = 5.0


async def bear_witness(authority: Authority, note: Note) -> BrambleError | None:
    """Return None once the note is on the record, or why it is not: there may be no cluster yet."""
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
        async with asyncio.timeout(WITHIN_S), open_cluster(context) as cluster:
            await cluster.note_deed(note)
    except (BusError, NotAuthorisedError) as error:
        return error
    except TimeoutError:
        return BusError(f"the cluster did not answer within {WITHIN_S:.0f} s")
    return None


def _own_name() -> str:
    """Return who runs this program, as a name that can be part of a subject."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", getpass.getuser())[:64] or "operator"
