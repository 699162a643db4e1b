"""What the parent hands its reader process: over the socket, never in arguments or the environment."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import msgspec

from controller.cameras.errors import FramingError
from controller.cameras.motion import MotionPolicy
from controller.cameras.source import Source

LENGTH = struct.Struct("!I")
MAX_SPEC = 64 * 1024  # bytes
# One byte from the parent: it has taken a picture and the reader may send another.
CREDIT = b"+"
# Pictures that may be under way between the two. Two, so that encoding overlaps taking.
CREDITS = 2


@dataclass(frozen=True, slots=True)
class ReaderSpec:
    """All that a reader needs. Holds the URL with its password: never log it."""

    source: Source
    first_seq: int = 0
    fps: float | None = None  # at most so many pictures a second
    max_width: int | None = None  # pixels; wider pictures are scaled down before they are encoded
    motion: MotionPolicy | None = None
    io_timeout: float = 5.0  # seconds that FFmpeg may wait for one connect or read


def encode_spec(spec: ReaderSpec) -> bytes:
    """The spec, length first."""
    body = msgspec.json.encode(spec)
    return LENGTH.pack(len(body)) + body


def decode_spec(body: bytes) -> ReaderSpec:
    """Read a spec's JSON.

    Raises:
        FramingError: when it is none. The message does not repeat the bytes: they may hold a password.

    """
    try:
        return msgspec.json.decode(body, type=ReaderSpec)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FramingError(f"the reader was started without a spec: {type(error).__name__}") from None
