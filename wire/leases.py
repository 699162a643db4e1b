"""What controllers write into the leases bucket, and the signs of life by which they know each other."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from wire.ids import Token
from wire.messages import Count, Message

MAX_PEERS = 64

SessionId = Annotated[str, Meta(min_length=1, max_length=64)]


class SessionRecord(Message, frozen=True, omit_defaults=True):
    """A controller's lease on being alive. Everything that it does for the cluster hangs on this one key.

    ``peers`` are the sessions of the other controllers whose word it listens to; ``place`` tells where a process of the
    same name would have to run to know that this one is gone (:mod:`controller.leases.place`).
    """

    controller: Token
    session: SessionId
    ended: bool = False
    peers: Annotated[tuple[SessionId, ...], Meta(max_length=MAX_PEERS)] = ()
    place: Annotated[str, Meta(max_length=200)] = ""


class ClaimRecord(Message, frozen=True, omit_defaults=True):
    """Which session has a camera or a task; both fields are empty when nobody has it."""

    controller: Annotated[str, Meta(max_length=64)] = ""
    session: Annotated[str, Meta(max_length=64)] = ""


class ControllerBeat(Message, frozen=True, omit_defaults=True):
    """A sign of life over core NATS, twice a second. ``heard`` acknowledges the latest beat of each other session."""

    controller: Token
    session: SessionId
    seq: Count
    heard: Annotated[dict[str, Count], Meta(max_length=MAX_PEERS)] = msgspec.field(default_factory=dict)
