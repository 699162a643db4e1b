"""What a NATS server says, taken apart, and what is published, put together: bytes in, values out. Pure.

nats-py's own reader matches five regular expressions a message, copies a payload five times and hands every message
over a queue: a frame of 88 KB spent more there than in all of the dispatch.
Specification: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from functools import lru_cache

import msgspec

MAX_LINE = 1 << 20
"""Bytes of a line: INFO names all servers of a cluster."""

MAX_BODY = (64 << 20) + MAX_LINE
"""Bytes of a message, with its headers: above what any server lets through."""

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


class Said(msgspec.Struct, frozen=True):
    """Any other line, such as PING or -ERR."""

    verb: bytes
    rest: bytes


class Reader:
    """Takes a connection's bytes apart, however they are cut into pieces."""

    def __init__(self) -> None:
        self._found: list[Delivered | Said] = []
        self._data = b""
        self._position = 0
        self._steps = self._read()
        next(self._steps)

    def feed(self, data: bytes) -> list[Delivered | Said]:
        """Return what is whole by now.

        Raises:
            MalformedError: that is no protocol of NATS; nothing more can be read.

        """
        self._data, self._position, self._found = data, 0, []
        next(self._steps)
        return self._found

    def _read(self) -> Generator[None]:
        yield
        while True:
            line = yield from self._take_line()
            verb, _, rest = line.partition(b" ")
            if verb in _FIELDS:
                message = yield from self._take_message(verb, rest.split())
                self._found.append(message)  # by now it may be another list
            else:
                self._found.append(Said(verb, rest.strip()))

    def _take_message(self, verb: bytes, fields: list[bytes]) -> Generator[None, None, Delivered]:
        if len(fields) not in _FIELDS[verb]:
            raise MalformedError(f"{verb!r} with {len(fields)} fields")
        total = _read_size(fields.pop())
        header_size = _read_size(fields.pop()) if verb == b"HMSG" else 0
        if header_size > total:
            raise MalformedError(f"{header_size} bytes of headers in a message of {total}")
        headers = (yield from self._take_bytes(header_size)) if header_size else b""
        payload = yield from self._take_bytes(total - header_size)
        if (yield from self._take_bytes(len(_END))) != _END:
            raise MalformedError(f"a message of {total} bytes does not end where it should")
        return Delivered(_read_size(fields[1]), fields[0], fields[2] if len(fields) > 2 else b"", headers, payload)  # noqa: PLR2004 - the reply is the third

    def _take_line(self) -> Generator[None, None, bytes]:
        begun = b""
        while (end := self._data.find(_END, self._position)) < 0:
            begun = self._data[self._position :]
            if len(begun) > MAX_LINE:
                raise MalformedError(f"a line of more than {MAX_LINE} bytes")
            yield
            self._data = begun + self._data  # only ever the start of a line: short
        line = self._data[self._position : end]
        self._position = end + len(_END)
        return line

    def _take_bytes(self, size: int) -> Generator[None, None, bytes]:
        pieces: list[bytes] = []
        missing = size
        while len(self._data) - self._position < missing:
            pieces.append(self._data[self._position :])
            missing -= len(pieces[-1])
            yield
        end = self._position + missing
        pieces.append(self._data[self._position : end])
        self._position = end
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


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


def write_publication(subject: str, reply: str, headers: Mapping[str, str] | None, payload: bytes) -> list[bytes]:
    """Return the pieces of a PUB or HPUB.

    Raises:
        ValueError: a header's name or value would be read as something else.

    """
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
