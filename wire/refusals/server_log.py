"""Reads a nats-server's log for what it refused: it tells nobody else about permission violations.

The format is that of nats-server 2.10 to 2.15: ``[pid] date time [LEVEL] host:port - cid:N - "…" - message``, in which
names that clients chose are quoted as Go does (``%q``), so that none can look like another line or field. A client's
number is a ``cid``, that of another site's server a ``lid``, that of a server of the cluster a ``rid``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import msgspec

from wire.audit import MAX_DETAIL, Deed, Outcome
from wire.refusals.names import Names
from wire.refusals.tail import MAX_LINE, Tail
from wire.subjects import INBOXES

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# From the beginning of the line: further on a client's own words may look like one.
_LINE = re.compile(
    rf"\A\[\d+\] (?P<time>[\d/]{{10}} [\d:.]{{8,15}}) \[ERR\] (?P<host>\S+) - "
    rf"(?P<kind>(?:[a-z_]*c|l|r)id):\d+ - (?P<names>(?:{_QUOTED} - )*)(?P<what>.+)\Z"
)
_NAME = re.compile(_QUOTED)
_SUBJECT = re.compile(
    rf"(?P<verb>Publish|Subscription) Violation"
    rf"(?: - (?:Subject|Reply)| Too Many Tokens - Subject| on) {_QUOTED}"
)
_REFUSALS = re.compile(
    r"authentication error|Authentication Timeout|Authorization|TLS (?:\w+ )?handshake error"
    r"|(?:User|Account) Authentication Expired|maximum connections exceeded"
)
_KEY = re.compile(r"U[A-Z2-7]{55}")
_ACTIONS = {"Publish": "access.publish", "Subscription": "access.subscribe"}
_ANSWER = "access.answer"
_PORTS = {"lid": " (between sites)", "rid": " (between servers)"}


def parse_line(line: str) -> Deed | None:
    """Return the refusal that a line of the log tells of; None for all other lines."""
    if len(line) > MAX_LINE or not (found := _LINE.search(line.rstrip("\n"))):
        return None
    host, what, port = found["host"], found["what"], _PORTS.get(found["kind"], "")
    address = host.rpartition(":")[0] or host  # the port of a refused connection is a new one each time
    if violation := _SUBJECT.match(what):
        target = _unquote(violation[2])
        # An answer that nobody allows, or allows any more: a node that was cut off with frames in hand gives some when
        # it is back. They are told apart from what only an attacker would publish.
        late = violation["verb"] == "Publish" and target.startswith(INBOXES)
        return Deed(
            who=_read_user(found["names"]) or address[:100],
            action=_ANSWER if late else _ACTIONS[violation["verb"]],
            target=target[:200],
            outcome=Outcome.REFUSED,
            detail=f"from {host}{port}"[:MAX_DETAIL],
            seen_at=_read_time(found["time"]),
        )
    if _REFUSALS.match(what):
        return Deed(
            who=address[:100],
            action="access.connect",
            outcome=Outcome.REFUSED,
            detail=f"{what[: MAX_DETAIL - len(port)]}{port}",
            seen_at=_read_time(found["time"]),
        )
    return None


def _read_time(text: str) -> float:
    """Return the time of a line in Unix seconds: it is the machine's, which is ours too. 0: it cannot be read."""
    try:
        return datetime.strptime(text, "%Y/%m/%d %H:%M:%S.%f").astimezone().timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _read_user(names: str) -> str:
    """Return the user out of ``"version:language:name" - "account/jwt:U…"``: a name, or the public key it goes by.

    The first of the two is what the client says of itself, and missing where it says nothing.
    """
    quoted = [_unquote(each) for each in _NAME.findall(names)]
    return quoted[-1].partition("/")[2].partition(":")[2][:100] if quoted else ""


def _unquote(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))  # Go's escapes for what is not ASCII or not printable differ: left as is
    except ValueError:
        return text


async def name_user(deed: Deed, names: Names) -> Deed:
    """Return it with the user's name in place of the key, which stays among the details."""
    if not _KEY.fullmatch(deed.who) or not (name := await names.find(deed.who)):
        return deed
    return msgspec.structs.replace(deed, who=name, detail=f"{deed.detail} with {deed.who}"[:MAX_DETAIL])


async def read_refusals(
    tail: Tail, heard: Callable[[str], None] = lambda _: None, names: Names | None = None
) -> AsyncIterator[Deed]:
    """Yield what the server refuses, for ever.

    Args:
        tail: the server's log.
        heard: called with each one's ``address:port``.
        names: whose key it is; None: keys stay keys.

    """
    async for line in tail.lines():
        if deed := parse_line(line):
            heard(line.partition("[ERR] ")[2].partition(" ")[0])
            yield await name_user(deed, names) if names else deed
