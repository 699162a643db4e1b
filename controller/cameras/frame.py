"""What leaves a camera: frames with a picture, and notices of frames that end without being sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera, offered for inference."""

    camera: str
    seq: int  # from 0, never used twice; a notice may overtake a frame; a broken picture leaves a gap
    captured_at: float  # unix seconds at which the reader received the picture
    jpeg: bytes  # a whole JPEG; the camera's own bytes where it sends JPEGs that fit
    width: int  # pixels of the JPEG
    height: int
    motion: float | None  # share of changed pixels, 0..1; None without a motion policy or for the first picture


@dataclass(frozen=True, slots=True)
class FrameNotice:
    """A frame that existed and is not sent: gated for lack of motion, or superseded by a newer one."""

    camera: str
    seq: int
    captured_at: float  # unix seconds
