"""What the reader process tells its parent, as bytes: pure encode and decode with bounds.

A message is ``!2sBxI`` (magic ``BC``, kind, pad, length of the body) and the body. The reader decodes hostile
video, so that what it sends is checked like anything from outside.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import assert_never

import msgspec

from controller.cameras.errors import Fault, FramingError

HEADER = struct.Struct("!2sBxI")
_MAGIC = b"BC"
MAX_JPEG = 16 * 1024 * 1024  # bytes
_MAX_TEXT = 16 * 1024  # bytes of a JSON body
_MAX_SIDE = 65_500  # a JPEG's own limit

_PICTURE = struct.Struct("!QdHHf")  # seq, captured_at, width, height, motion (NaN: none)
_NOTICE = struct.Struct("!Qd")  # seq, captured_at


@dataclass(frozen=True, slots=True)
class Opened:
    """The source is open: what it claims to be."""

    codec: str
    width: int  # pixels; 0: not known yet
    height: int
    fps: float  # as declared; 0: not declared


@dataclass(frozen=True, slots=True)
class PictureSent:
    """One encoded picture."""

    seq: int
    captured_at: float  # unix seconds
    width: int
    height: int
    motion: float | None  # 0..1
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Gated:
    """A picture that showed too little motion."""

    seq: int
    captured_at: float


@dataclass(frozen=True, slots=True)
class Superseded:
    """A picture that a newer one replaced before the parent took it."""

    seq: int
    captured_at: float


@dataclass(frozen=True, slots=True)
class Alive:
    """The source goes on, though nothing of it is to be sent now."""


@dataclass(frozen=True, slots=True)
class Still:
    """The source has repeated one and the same picture for ``seconds``; 0: it moves again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The recording was played to its end."""


Message = Opened | PictureSent | Gated | Superseded | Alive | Still | Ended | Fault

_OPENED, _PICTURE_SENT, _GATED, _SUPERSEDED, _ALIVE, _STILL, _ENDED, _FAULT = range(1, 9)
_JSON = {_OPENED: Opened, _STILL: Still, _FAULT: Fault}
_EMPTY: dict[int, Message] = {_ALIVE: Alive(), _ENDED: Ended()}
_LIMITS = {
    _OPENED: _MAX_TEXT,
    _PICTURE_SENT: _PICTURE.size + MAX_JPEG,
    _GATED: _NOTICE.size,
    _SUPERSEDED: _NOTICE.size,
    _ALIVE: 0,
    _STILL: _MAX_TEXT,
    _ENDED: 0,
    _FAULT: _MAX_TEXT,
}


_KIND_OF: dict[type[Message], int] = {
    Opened: _OPENED,
    PictureSent: _PICTURE_SENT,
    Gated: _GATED,
    Superseded: _SUPERSEDED,
    Alive: _ALIVE,
    Still: _STILL,
    Ended: _ENDED,
    Fault: _FAULT,
}


def encode_message(message: Message) -> bytes:
    """Encode one message, header and body."""
    match message:
        case PictureSent():
            motion = math.nan if message.motion is None else message.motion
            fixed = _PICTURE.pack(message.seq, message.captured_at, message.width, message.height, motion)
            parts: tuple[bytes, ...] = (fixed, message.jpeg)
        case Gated() | Superseded():
            parts = (_NOTICE.pack(message.seq, message.captured_at),)
        case Alive() | Ended():
            parts = ()
        case Opened() | Still() | Fault():
            parts = (msgspec.json.encode(message),)
        case _:
            assert_never(message)
    return b"".join((HEADER.pack(_MAGIC, _KIND_OF[type(message)], sum(map(len, parts))), *parts))


def decode_header(header: bytes) -> tuple[int, int]:
    """Read a header of ``HEADER.size`` bytes: the kind and the length of the body.

    Raises:
        FramingError: for a wrong magic, an unknown kind, or a body above the kind's limit.

    """
    if len(header) != HEADER.size:
        raise FramingError(f"a header has {HEADER.size} bytes, not {len(header)}")
    magic, kind, length = HEADER.unpack(header)
    if magic != _MAGIC or kind not in _LIMITS:
        raise FramingError(f"the reader sent {header[:4].hex()} where a message begins")
    if length > _LIMITS[kind]:
        raise FramingError(f"a message of kind {kind} with {length} bytes is above its limit of {_LIMITS[kind]}")
    return kind, length


def decode_body(kind: int, body: bytes) -> Message:
    """Read the body of a message whose header said ``kind``.

    Raises:
        FramingError: when it is not one: wrong length, wrong JSON, or a value out of its range.

    """
    if kind in _EMPTY:
        if body:
            raise FramingError(f"a message of kind {kind} has no body, not {len(body)} bytes")
        return _EMPTY[kind]
    if kind in _JSON:
        try:
            return msgspec.json.decode(body, type=_JSON[kind])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FramingError(f"a message of kind {kind} holds no such JSON: {error}") from error
    if kind == _PICTURE_SENT:
        return _decode_picture(body)
    if kind not in {_GATED, _SUPERSEDED}:
        raise FramingError(f"there is no message of kind {kind}")
    if len(body) != _NOTICE.size:
        raise FramingError(f"a notice has {_NOTICE.size} bytes, not {len(body)}")
    seq, captured_at = _NOTICE.unpack(body)
    if not math.isfinite(captured_at):
        raise FramingError("a notice has no finite time")
    return Gated(seq, captured_at) if kind == _GATED else Superseded(seq, captured_at)


def _decode_picture(body: bytes) -> PictureSent:
    if len(body) <= _PICTURE.size:
        raise FramingError(f"a picture message has more than {_PICTURE.size} bytes, not {len(body)}")
    seq, captured_at, width, height, motion = _PICTURE.unpack_from(body)
    share = None if math.isnan(motion) else motion
    in_range = math.isfinite(captured_at) and 0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE
    if not in_range or (share is not None and not 0.0 <= share <= 1.0):
        raise FramingError(f"a picture message is out of range: {width}x{height}, motion {motion}")
    return PictureSent(seq, captured_at, width, height, share, body[_PICTURE.size :])
