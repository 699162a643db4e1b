"""Trace context as it travels in the header ``traceparent``: https://www.w3.org/TR/trace-context/, version 00."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

TRACEPARENT = "traceparent"

_FORMAT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span's place in a trace. Ids are lower-case hex and never all zero."""

    trace_id: str  # 32 digits
    span_id: str  # 16 digits
    sampled: bool

    def to_header(self) -> str:
        """Return the header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


def parse_traceparent(text: str | None) -> TraceContext | None:
    """Read a header; None for none and for anything malformed, as the specification wants: a trace starts anew then."""
    found = _FORMAT.fullmatch(text or "")
    if found is None or (found[4] and text is not None and text.startswith("00")):
        return None
    trace_id, span_id = found[1], found[2]
    if set(trace_id) == {"0"} or set(span_id) == {"0"}:
        return None
    return TraceContext(trace_id, span_id, bool(int(found[3], 16) & _SAMPLED))


def find_traceparent(headers: Mapping[str, str]) -> str | None:
    """Return the header's value, whose name is matched in any case."""
    return next((value for name, value in headers.items() if name.lower() == TRACEPARENT), None)


def derive_id(name: str, digits: int) -> str:
    """Return an id that follows from a name, so that whoever knows a frame's id can compute its trace's."""
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


def is_sampled(trace_id: str, ratio: float) -> bool:
    """Tell whether a trace is one of the share to be kept: the same for everybody who asks."""
    return int(trace_id[:16], 16) < ratio * (1 << 64)
