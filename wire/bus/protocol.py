"""What a NATS server says, taken apart, and what is published, put together: bytes in, values out. Pure.

nats-py's own reader matches five regular expressions a message, copies a payload five times and hands every message
over a queue: a frame of 88 KB spent more there than in all of the dispatch.
Specification: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

MAX_LINE = 1 << 20
"""Bytes of a line: INFO names all servers of a cluster."""

MAX_BODY = (64 << 20) + MAX_LINE
"""Bytes of a message, with its headers: above what any server lets through."""

ROOM_BYTES = 128 << 10
"""Of what came and is not read yet: a camera's frame fits."""

MALFORMED = "Bramble-Malformed"
"""Set on a message whose headers could not be read, so that its receiver can refuse it."""

_END = b"\r\n"
_VERSION = b"NATS/1.0"
_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f]+")
_NAME = re.compile(r"[!-9;-~]+")  # of a header: visible ASCII without a colon
_FIELDS = {b"MSG": (3, 4), b"HMSG": (4, 5)}


class MalformedError(ValueError):
    """The server does not speak the protocol."""


class Delivered(msgspec.Struct, frozen=True):
    """A message for one of our subscriptions."""

    sid: int
    subject: bytes
    reply: bytes  # empty: none
    headers: bytes  # the block as it came; empty: none
    payload: bytes


class _Announced(msgspec.Struct, frozen=True):
    """A message by its first line; sizes in bytes, the headers' within the whole."""

    sid: int
    subject: bytes
    reply: bytes
    header_size: int
    size: int


class Said(msgspec.Struct, frozen=True):
    """Any other line, such as PING or -ERR."""

    verb: bytes
    rest: bytes


class Publication(NamedTuple):
    """A message to be sent."""

    subject: str
    payload: bytes = b""
    headers: Mapping[str, str] | None = None
    reply: str = ""


class Reader:
    """Takes a connection's bytes apart, however they are cut into pieces.

    They are read to where :meth:`room` says, so that a payload is copied once: out of there.
    """

    def __init__(self, room_bytes: int = ROOM_BYTES) -> None:
        self._usual = bytearray(room_bytes)
        self._room = self._usual  # or a larger one, for as long as something does not fit
        self._start = self._end = 0  # what of it came and is not read yet
        self._message: _Announced | None = None  # whose first line was read

    def room(self) -> memoryview:
        """Return where the next bytes are to go; there is always some room."""
        return memoryview(self._room)[self._end :]

    def advance(self, count: int) -> list[Delivered | Said]:
        """Return what is whole, now that so many bytes have come there.

        Raises:
            MalformedError: that is no protocol of NATS; nothing more can be read.

        """
        self._end += count
        found: list[Delivered | Said] = []
        while self._read_on(found):
            pass
        if self._start == self._end:
            self._room, self._start, self._end = self._usual, 0, 0
        return found

    def feed(self, data: bytes) -> list[Delivered | Said]:
        """Do the same with bytes that came to somewhere else."""
        found: list[Delivered | Said] = []
        while data:
            room = self.room()
            count = min(len(room), len(data))
            room[:count] = data[:count]
            found += self.advance(count)
            data = data[count:]
        return found

    def _read_on(self, found: list[Delivered | Said]) -> bool:
        """Read one line or message; false when the next one is not whole."""
        if self._message is not None:
            return self._read_message(self._message, found)
        stop = self._room.find(_END, self._start, self._end)
        if stop < 0:
            self._wait_for_line()
            return False
        line = bytes(self._room[self._start : stop])
        self._start = stop + len(_END)
        verb, _, rest = line.partition(b" ")
        if verb in _FIELDS:
            self._message = _read_announcement(verb, rest.split())
        else:
            found.append(Said(verb, rest.strip()))
        return True

    def _wait_for_line(self) -> None:
        begun = self._end - self._start
        if begun > MAX_LINE:
            raise MalformedError(f"a line of more than {MAX_LINE} bytes")
        if self._end == len(self._room):
            self._make_room(2 * begun)

    def _read_message(self, message: _Announced, found: list[Delivered | Said]) -> bool:
        end = self._start + message.size
        stop = end + len(_END)
        if stop > self._end:
            if stop > len(self._room):
                self._make_room(stop - self._start)
            return False
        if self._room[end:stop] != _END:
            raise MalformedError(f"a message of {message.size} bytes does not end where it should")
        with memoryview(self._room) as room:
            middle = self._start + message.header_size
            headers, payload = bytes(room[self._start : middle]), bytes(room[middle:end])
        found.append(Delivered(message.sid, message.subject, message.reply, headers, payload))
        self._start, self._message = stop, None
        return True

    def _make_room(self, wanted: int) -> None:
        """Have room for so many bytes, the ones that are there among them."""
        kept = self._room[self._start : self._end]
        if wanted > len(self._room):
            self._room = bytearray(wanted)
        self._room[: len(kept)] = kept
        self._start, self._end = 0, len(kept)


def _read_announcement(verb: bytes, fields: list[bytes]) -> _Announced:
    if len(fields) not in _FIELDS[verb]:
        raise MalformedError(f"{verb!r} with {len(fields)} fields")
    size = _read_size(fields.pop())
    header_size = _read_size(fields.pop()) if verb == b"HMSG" else 0
    if header_size > size:
        raise MalformedError(f"{header_size} bytes of headers in a message of {size}")
    return _Announced(_read_size(fields[1]), fields[0], fields[2] if len(fields) > 2 else b"", header_size, size)  # noqa: PLR2004 - the reply is the third


def read_headers(block: bytes) -> dict[str, str] | None:
    """Read a message's headers; None for none. What is malformed gives :data:`MALFORMED` and why.

    The status of a message from the server itself is in ``Status`` and ``Description``.
    """
    if not block:
        return None
    first, _, rest = block.partition(_END)
    if not first.startswith(_VERSION):
        return {MALFORMED: "no NATS/1.0"}
    found: dict[str, str] = {}
    try:
        if inline := first[len(_VERSION) :].decode():
            status, _, description = inline.strip().partition(" ")
            if not (inline.startswith(" ") and status.isascii() and status.isdigit()):
                return {MALFORMED: "status"}
            found["Status"] = status
            if description:
                found["Description"] = description
        for line in rest.decode().split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and _is_name(name):
                found[name] = value.strip()
            elif line:
                return {MALFORMED: "a line without a name"}
    except UnicodeDecodeError:
        return {MALFORMED: "no UTF-8"}
    return found or None


def is_subject(text: str) -> bool:
    """Tell whether the server would read all of it as one subject."""
    return _SUBJECT.fullmatch(text) is not None


def write_publication(publication: Publication) -> list[bytes]:
    """Return the pieces of a PUB or HPUB.

    Raises:
        ValueError: a header's name or value would be read as something else.

    """
    subject, payload, headers, reply = publication
    if not headers:
        return [f"PUB {subject} {reply} {len(payload)}\r\n".encode(), payload, _END]
    lines: list[str] = []
    for name, value in headers.items():
        if not _is_name(name) or "\r" in value or "\n" in value:
            raise ValueError(f"the header {name[:40]!r} cannot be sent")
        lines += (name, ": ", value, "\r\n")  # not formatted: nats-py's own names are members of an enumeration
    block = f"NATS/1.0\r\n{''.join(lines)}\r\n".encode()
    size = len(block)
    return [f"HPUB {subject} {reply} {size} {size + len(payload)}\r\n".encode() + block, payload, _END]


@lru_cache(1024)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _read_size(text: bytes) -> int:
    if not text.isdigit() or len(text) > len(str(MAX_BODY)) or (size := int(text)) > MAX_BODY:
        raise MalformedError(f"{text[:20]!r} is no number of the protocol")
    return size
