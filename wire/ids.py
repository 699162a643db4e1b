"""Names that become part of a subject, and the ids of frames."""

from __future__ import annotations

import re
import secrets
import time
from typing import Annotated

from msgspec import Meta

from wire.errors import BadRequestError

NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}\Z"
_TOKEN = re.compile(NAME_PATTERN)
_FRAME_ID = re.compile(r"[0-9a-f]{21}\Z")

Token = Annotated[str, Meta(pattern=NAME_PATTERN, max_length=64, description="A name that is safe inside a subject")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="SHA-256 in lower-case hex")]

MAX_STAGES = 64
"""That a model may be cut into: more would only be hops. Itineraries are bounded by it."""

REQUESTS = "request"
"""The source name of pictures that people send to ``infer.<model>``; no camera may have it."""

JOBS = "job"
"""The source name of pictures that come as durable jobs; no camera may have it."""

DIRECT = "direct"
"""The batch of jobs that were published without one, on ``jobs.<model>``."""


def is_token(value: str) -> bool:
    """Tell whether ``value`` can be part of a subject."""
    return _TOKEN.match(value) is not None


def check_token(value: str, what: str) -> str:
    """Return ``value`` if it can be part of a subject.

    Raises:
        BadRequestError: it cannot; the message says which name it was.

    """
    if not is_token(value):
        raise BadRequestError(
            f"{what} {value[:80]!r} is not a valid name",
            remedy="use 1 to 64 of the characters A-Z a-z 0-9 _ -",
        )
    return value


def new_frame_id() -> str:
    """Return a new frame id: 11 hex digits of Unix milliseconds, then 10 random ones, so that ids sort by time."""
    return f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}"


def read_frame_time(frame: str) -> float | None:
    """Return when a frame came, in its controller's Unix seconds, or None if that is not an id."""
    return int(frame[:11], 16) / 1000 if _FRAME_ID.match(frame) else None
