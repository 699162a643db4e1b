"""Where answers may go. Pure.

NATS lets whoever asks name any subject for the answer, and holds only who publishes it against permissions. So nobody
answers just anywhere: a program that may do much would do it for whoever asks.
"""

from __future__ import annotations

from wire import subjects
from wire.subjects import INBOXES

DEFAULT_INBOX = "_INBOX."
"""Where clients of a server without users listen, when nobody told them otherwise."""

_BOX = subjects.ANSWER.pattern.partition(".")[0] + "."
_BOX_TOKENS = 5


def is_inbox(reply: str) -> bool:
    """Tell whether an answer on ``reply`` does nothing but reach somebody who listens for answers."""
    return reply.startswith((INBOXES, DEFAULT_INBOX))


def find_node(subject: str) -> str:
    """Return which node a request is for; empty where it is for none."""
    first, _, rest = subject.partition(".")
    if first == "node" or (first == "infer" and rest.count(".") == 2):  # noqa: PLR2004 - of infer.<node>.<model>.<stage>
        return rest.partition(".")[0]
    return ""


def address(reply: str, node: str) -> str:
    """Return where a node's answer goes; empty where it may go nowhere.

    The server lets a node write its own name only, and nobody but who asked listens there: so whoever answers is who
    the subject says. What is asked for by hand of a server without users is answered where that wants it.
    """
    if not reply.startswith(_BOX):
        return reply if reply.startswith(DEFAULT_INBOX) else ""
    tokens = reply.split(".")
    if len(tokens) != _BOX_TOKENS:
        return ""
    tokens[2] = node
    return ".".join(tokens)
