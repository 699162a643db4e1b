"""What a server says is read alike however it is cut into pieces, and never for something else than it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import Header

from wire.bus.protocol import (
    MALFORMED,
    MAX_BODY,
    MAX_LINE,
    Delivered,
    MalformedError,
    Publication,
    Reader,
    Said,
    is_subject,
    read_headers,
    write_publication,
)

TOKENS = st.from_regex(r"[A-Za-z0-9_$-]{1,12}", fullmatch=True)
SUBJECTS = st.lists(TOKENS, min_size=1, max_size=4).map(".".join)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=5)
MESSAGES = st.tuples(SUBJECTS, st.integers(0, 10**6), st.none() | SUBJECTS, HEADERS, st.binary(max_size=300))
LINES = st.sampled_from([b"PING", b"PONG", b"+OK", b"-ERR 'Permissions Violation for Publish to \"a\"'", b"INFO {}"])


def deliver(subject: str, sid: int, reply: str | None, headers: dict[str, str], payload: bytes) -> bytes:
    """Say a message as a server does."""
    where = f"{subject} {sid} {reply} " if reply else f"{subject} {sid} "
    if not headers:
        return f"MSG {where}{len(payload)}\r\n".encode() + payload + b"\r\n"
    block = write_publication(Publication("s", headers=headers))[0].split(b"\r\n", 1)[1]
    return f"HMSG {where}{len(block)} {len(block) + len(payload)}\r\n".encode() + block + payload + b"\r\n"


def read(reader: Reader, pieces: list[bytes]) -> list[Delivered | Said]:
    return [each for piece in pieces for each in reader.feed(piece)]


@given(st.lists(MESSAGES | LINES, max_size=6), st.integers(1, 500), st.data())
def test_what_is_said_is_read_whole_wherever_it_is_cut_and_however_much_of_it_there_is_room_for(
    said: list[bytes | tuple[str, int, str | None, dict[str, str], bytes]], room_bytes: int, data: st.DataObject
) -> None:
    stream = b"".join(each + b"\r\n" if isinstance(each, bytes) else deliver(*each) for each in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    heard = read(Reader(room_bytes), pieces)

    assert len(heard) == len(said)
    for found, each in zip(heard, said, strict=True):
        if isinstance(each, bytes):
            verb, _, rest = each.partition(b" ")
            assert found == Said(verb, rest)
        else:
            subject, sid, reply, headers, payload = each
            assert isinstance(found, Delivered)
            assert (found.subject, found.sid, found.payload) == (subject.encode(), sid, payload)
            assert found.reply == (reply or "").encode()
            assert (read_headers(found.headers) or {}) == headers


def test_after_a_message_that_needed_more_room_there_is_as_much_as_before() -> None:
    reader = Reader(64)
    large = deliver("a", 1, None, {}, bytes(1000))

    reader.feed(large[:-1])
    assert len(reader.room()) == 1  # and what follows the message stays in the socket meanwhile
    (found,) = reader.feed(large[-1:])

    assert isinstance(found, Delivered)
    assert len(found.payload) == 1000
    assert len(reader.room()) == 64


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused_and_never_anything_else(data: bytes) -> None:
    try:
        heard = Reader().feed(data)
    except MalformedError:
        return
    assert all(isinstance(each, (Delivered, Said)) for each in heard)


@pytest.mark.parametrize(
    "said",
    [
        b"MSG a 1\r\n",  # no size
        b"MSG a 1 x y z\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a one 1\r\nx\r\n",
        b"MSG a 1 1\r\nxx\r\n",  # longer than it says
        b"HMSG a 1 9 3\r\n",  # more headers than bytes
        f"MSG a 1 {MAX_BODY + 1}\r\n".encode(),
        b"MSG a 1 " + b"9" * 5000 + b"\r\n",
        b"x" * (MAX_LINE + 1),
    ],
)
def test_what_no_server_says_is_refused(said: bytes) -> None:
    with pytest.raises(MalformedError):
        Reader().feed(said)


@pytest.mark.parametrize(
    ("block", "found"),
    [
        (b"", None),
        (b"NATS/1.0\r\n\r\n", None),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503"}),
        (b"NATS/1.0 404 No Messages\r\n\r\n", {"Status": "404", "Description": "No Messages"}),
        (
            b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last: 7\r\n\r\n",
            {"Status": "100", "Description": "Idle Heartbeat", "Nats-Last": "7"},
        ),
        (b"NATS/1.0\r\nA:b\r\nC:  d e \r\nE:\r\n\r\n", {"A": "b", "C": "d e", "E": ""}),
        (b"NATS/1.0\r\nA: x:y\r\n\r\n", {"A": "x:y"}),
    ],
)
def test_headers_are_read_as_they_are_written(block: bytes, found: dict[str, str] | None) -> None:
    assert read_headers(block) == found


@pytest.mark.parametrize(
    "block",
    [
        b"HTTP/1.0\r\nA: b\r\n\r\n",
        b"NATS/1.0garbage\r\n\r\n",
        b"NATS/1.0 abc\r\n\r\n",
        b"NATS/1.0 \xff\xff\r\n\r\n",
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0\r\na b: c\r\n\r\n",
        b"NATS/1.0\r\n\xff: c\r\n\r\n",
        b"NATS/1.0\r\nA: \xff\r\n\r\n",
    ],
)
def test_headers_that_cannot_be_read_are_marked_and_nothing_of_them_is_kept(block: bytes) -> None:
    found = read_headers(block)
    assert found is not None
    assert list(found) == [MALFORMED]


@given(st.binary(max_size=200))
def test_headers_of_any_bytes_are_read_or_marked(block: bytes) -> None:
    found = read_headers(b"NATS/1.0" + block)
    assert found is None or all(isinstance(value, str) for value in found.values())


@pytest.mark.parametrize("header", [("A b", "c"), ("", "c"), ("A:", "c"), ("A", "b\r\nC: d"), ("A", "b\n"), ("Ä", "b")])
def test_a_header_that_would_be_read_as_something_else_is_not_written(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        write_publication(Publication("a", headers=dict([header])))


def test_a_header_named_by_an_enumeration_goes_by_its_value() -> None:
    (said, *_) = write_publication(Publication("a", headers={Header.EXPECTED_LAST_SUBJECT_SEQUENCE: "7"}))
    assert b"\r\nNats-Expected-Last-Subject-Sequence: 7\r\n" in said


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0", "a\tb", "a\x00"])
def test_a_subject_that_would_be_read_as_more_than_one_is_none(subject: str) -> None:
    assert not is_subject(subject)
