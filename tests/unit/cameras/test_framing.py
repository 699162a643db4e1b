"""What a reader sends: every message survives the way, and nothing else gets through."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cameras.errors import Fault, FaultKind, FramingError
from controller.cameras.framing import (
    HEADER,
    MAX_JPEG,
    Alive,
    Ended,
    Gated,
    Message,
    Opened,
    PictureSent,
    Still,
    Superseded,
    decode_body,
    decode_header,
    encode_message,
)

seqs = st.integers(0, 2**64 - 1)
times = st.floats(allow_nan=False, allow_infinity=False)
sides = st.integers(1, 65_500)
shares = st.none() | st.floats(0, 1, width=32)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(PictureSent, seqs, times, sides, sides, shares, st.binary(min_size=1, max_size=300)),
    st.builds(Gated, seqs, times),
    st.builds(Superseded, seqs, times),
    st.builds(Opened, st.text(), st.integers(0, 9999), st.integers(0, 9999), st.floats(0, 1000)),
    st.builds(Still, st.floats(0, 1e6)),
    st.builds(Fault, st.sampled_from(FaultKind), st.text(), st.text()),
    st.just(Alive()),
    st.just(Ended()),
)


def decode(data: bytes) -> Message:
    kind, length = decode_header(data[: HEADER.size])
    assert len(data) == HEADER.size + length
    return decode_body(kind, data[HEADER.size :])


@given(messages)
def test_every_message_survives_the_way(message: Message) -> None:
    assert decode(encode_message(message)) == message


@given(st.binary(max_size=64))
def test_any_header_is_read_or_refused(data: bytes) -> None:
    try:
        kind, length = decode_header(data)
    except FramingError:
        return
    assert length <= MAX_JPEG + 100
    assert data.startswith(b"BC")
    assert kind in range(1, 9)


@given(st.integers(0, 255), st.binary(max_size=300))
def test_any_body_is_read_or_refused(kind: int, body: bytes) -> None:
    try:
        message = decode_body(kind, body)
    except FramingError:
        return
    if isinstance(message, PictureSent):
        assert message.jpeg
        assert math.isfinite(message.captured_at)


@given(messages, st.integers(0, 200), st.integers(0, 255))
def test_a_flipped_byte_is_read_or_refused(message: Message, place: int, value: int) -> None:
    data = bytearray(encode_message(message))
    data[place % len(data)] = value
    try:
        kind, length = decode_header(bytes(data[: HEADER.size]))
        decode_body(kind, bytes(data[HEADER.size : HEADER.size + length]))
    except FramingError as error:
        assert error.message  # noqa: PT017 - both outcomes are right, nothing else is


def test_a_body_above_its_limit_is_refused_before_it_is_read() -> None:
    picture = encode_message(PictureSent(0, 0.0, 1, 1, None, b"x"))
    kind = picture[2]
    with pytest.raises(FramingError, match="above its limit"):
        decode_header(HEADER.pack(b"BC", kind, 2**31))


@pytest.mark.parametrize("motion", [-0.1, 1.5, math.inf])
def test_a_motion_that_is_no_share_is_refused(motion: float) -> None:
    with pytest.raises(FramingError, match="out of range"):
        decode(encode_message(PictureSent(0, 0.0, 10, 10, motion, b"x")))
