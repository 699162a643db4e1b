"""What an agent that stands by is told when it is needed: a line of JSON on its standard input."""

from __future__ import annotations

from wire.messages import Message

MAX_BYTES = 64 << 10


class StandIn(Message, frozen=True):
    """Which program to become."""

    arguments: tuple[str, ...]  # of the agent's command line
    log: str  # path of the file that takes what it says from now on
