"""What a result says, in words."""

from __future__ import annotations

from collections import Counter

from tui.texts import NONE, printable
from wire.messages import Result

SHOWN_CLASSES = 2


def describe_findings(result: Result) -> str:
    """Return ``2 person, 1 bicycle``, ``espresso 99 %``, or why nobody looked."""
    if result.error is not None:
        return printable(f"{result.error.code}: {result.error.message}")
    if result.detections is not None:
        counts = Counter(found.label for found in result.detections)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return printable(", ".join(f"{count} {label}" for label, count in ordered)) or "nothing"
    shown = (f"{found.label} {found.score * 100:.0f} %" for found in (result.classes or ())[:SHOWN_CLASSES])
    return printable(", ".join(shown)) or NONE
