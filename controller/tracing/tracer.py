"""What the rest of the controller knows of tracing."""

from __future__ import annotations

from typing import Protocol

from wire.messages import Result


class Tracer(Protocol):
    """Follows frames. A frame's trace is found by its id, so nothing has to be handed along."""

    def adopt(self, frame: str, traceparent: str | None) -> None:
        """Make a frame part of its asker's trace; what is no valid header is passed over."""

    def header(self, frame: str, model: str) -> str | None:
        """Return the ``traceparent`` under which a frame is sent to nodes; None while tracing is off."""

    def trace_id(self, frame: str, model: str) -> str | None:
        """Return the id of a frame's trace, if it will be there to be looked at."""

    def note(self, result: Result, ended: float) -> None:
        """Take a frame's result, in Unix seconds; never waits."""

    def close(self) -> None:
        """Send what is left; bounded."""


class NoTracer:
    """Tracing that is off."""

    def adopt(self, frame: str, traceparent: str | None) -> None:
        """Nothing is followed."""

    def header(self, frame: str, model: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Return none."""
        return None

    def trace_id(self, frame: str, model: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Return none."""
        return None

    def note(self, result: Result, ended: float) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is left."""
