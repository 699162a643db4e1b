"""Reads a nats-server's log for what it refused: it tells nobody else about permission violations.

The format is that of nats-server 2.10 to 2.15: ``[pid] date time [LEVEL] host:port - cid:N - "…" - message``, in which
names that clients chose are quoted as Go does (``%q``), so that none can look like another line or field.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from wire.audit import MAX_DETAIL, Deed, Outcome
from wire.subjects import INBOXES

POLL_S = 0.5
MAX_LINE = 16_384

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(rf"\[ERR\] (?P<host>\S+) - [a-z_]*cid:\d+ - (?P<names>(?:{_QUOTED} - )*)(?P<what>.+)\Z")
_NAME = re.compile(_QUOTED)
_SUBJECT = re.compile(rf"(?P<verb>Publish|Subscription) Violation - Subject {_QUOTED}")
_REFUSALS = (
    "authentication error",
    "Authentication Timeout",
    "Authorization",
    "TLS handshake error",
    "User Authentication Expired",
    "maximum connections exceeded",
)
_ACTIONS = {"Publish": "access.publish", "Subscription": "access.subscribe"}
_ANSWER = "access.answer"

_log = logging.getLogger("bramble.audit")


def parse_line(line: str) -> Deed | None:
    """Return the refusal that a line of the log tells of; None for all other lines."""
    if len(line) > MAX_LINE or not (found := _LINE.search(line.rstrip("\n"))):
        return None
    host, what = found["host"], found["what"]
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
            detail=f"from {host}"[:MAX_DETAIL],
        )
    if what.startswith(_REFUSALS):
        return Deed(who=address[:100], action="access.connect", outcome=Outcome.REFUSED, detail=what[:MAX_DETAIL])
    return None


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


async def open_log(path: Path, heard: Callable[[str], None] = lambda _: None) -> AsyncIterator[Deed]:
    """Return what the server refuses from now on, for ever; ``heard`` is called with each one's ``address:port``."""
    return _parse(await follow(path), heard)


async def _parse(lines: AsyncIterator[str], heard: Callable[[str], None]) -> AsyncIterator[Deed]:
    async for line in lines:
        if deed := parse_line(line):
            heard(line.partition("[ERR] ")[2].partition(" ")[0])
            yield deed


async def follow(path: Path) -> AsyncIterator[str]:
    """Return the lines that are added to a file from now on, also after it was replaced or cut; for ever.

    What was there before is not told: it was told when it was written.
    """
    return _read_lines(path, *await asyncio.to_thread(_find_end, path))


async def _read_lines(path: Path, place: int, inode: int) -> AsyncIterator[str]:
    rest = b""
    while True:
        data, place, inode = await asyncio.to_thread(_read_more, path, place, inode)
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[-MAX_LINE:]
        for line in lines:
            yield line.decode("utf-8", errors="replace")
        if not data:
            await asyncio.sleep(POLL_S)


def _find_end(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_ino


def _read_more(path: Path, place: int, inode: int) -> tuple[bytes, int, int]:
    try:
        with path.open("rb") as file:
            size, now = _find_end(path)
            if now != inode or size < place:
                place = 0
            file.seek(place)
            data = file.read(1 << 20)
    except OSError as error:
        _log.debug("the server's log cannot be read", extra={"action": "follow_log", "error": str(error)})
        return b"", place, inode
    return data, place + len(data), now
