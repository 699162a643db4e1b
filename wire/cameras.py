"""What crosses the network about cameras: how one is to be read, and how it is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from wire.ids import Token
from wire.messages import Count, Counts, Message, NotNegative, Positive, Share
from wire.tiles import Tiles


class Motion(Message, frozen=True):
    """When a frame without motion is gated. Shares are of the picture's area."""

    threshold: Share = 0.01
    hold_s: NotNegative = 2.0  # frames pass for this long after the last motion
    keepalive_s: Positive = 10.0  # one frame passes this often all the same


class LadderPolicy(Message, frozen=True, omit_defaults=True):
    """What a camera wants at least, and what it may fall back to, when the cluster cannot give all."""

    min_fps: Annotated[float, Meta(gt=0, le=240)] = 1.0  # answered frames a second, or all where fewer come
    fallback: Token | None = None  # a smaller model


class CameraConfig(Message, frozen=True, omit_defaults=True):
    """A camera as its user wants it. ``url`` may hold a password: print ``str(config)`` never, ``redacted`` always."""

    camera: Token
    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    models: Annotated[tuple[Token, ...], Meta(min_length=1, max_length=16)]
    fps: Positive | None = None
    max_width: Annotated[int, Meta(ge=16, le=16384)] | None = None
    motion: Motion | None = None
    deadline_ms: Annotated[int, Meta(ge=10, le=600_000)] = 2000
    threshold: Share | None = None
    controller: Token | None = None  # the only one that may read it, such as the one with the USB camera
    tiles: Tiles | None = None  # None: frames are looked at as a whole
    ladder: LadderPolicy | None = None  # None: never degraded, whatever becomes of the frames

    def __repr__(self) -> str:
        return f"CameraConfig({self.camera!r}, models={self.models!r})"


class CameraStatus(Message, frozen=True, omit_defaults=True):
    """A camera's state, once a second. ``source`` is the redacted URL."""

    camera: Token
    source: str
    models: tuple[Token, ...]
    phase: str  # starting | live | blind | ended
    reason: str
    since: float
    fps: NotNegative
    frames: Count
    restarts: Count
    counts: Counts
    last_frame_at: float | None = None
    seconds_blind: NotNegative = 0.0
    jitter_ms: NotNegative = 0.0  # by which pictures come early or late, of late
    codec: str = ""
    controller: str = ""  # whose word this is; empty where nobody has the camera
    degraded: dict[str, str] = msgspec.field(default_factory=dict)  # by model: its rung, where that is not "full"


class SourceRequest(Message, frozen=True):
    """A request to try a camera's URL without adding it."""

    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 10.0

    def __repr__(self) -> str:
        return "SourceRequest(…)"


class SourceReport(Message, frozen=True, omit_defaults=True):
    """What a try of a camera's URL found."""

    ok: bool
    source: str  # redacted
    codec: str = ""
    width: Count = 0
    height: Count = 0
    fps: NotNegative = 0.0
    first_frame_s: NotNegative = 0.0
    problem: str = ""
    remedy: str = ""
