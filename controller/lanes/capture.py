"""One frame as the controller holds it, whatever it came from."""

from __future__ import annotations

from dataclasses import dataclass

from wire.ids import new_frame_id


@dataclass(frozen=True, slots=True)
class Capture:
    """A picture on its way through the cluster."""

    frame: str
    camera: str  # or wire.ids.REQUESTS
    captured_at: float  # Unix seconds
    arrived: float  # monotonic seconds; latencies are taken from here, so a step of the clock cannot bend them
    payload: bytes

    @classmethod
    def new(cls, camera: str, payload: bytes, *, captured_at: float, arrived: float) -> Capture:
        """Give a picture its frame id."""
        return cls(new_frame_id(), camera, captured_at, arrived, payload)
