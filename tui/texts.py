"""Numbers and foreign texts as a terminal shows them."""

from __future__ import annotations

import time

NONE = "-"  # what a cell without a value shows
_KIBI = 1024


def printable(text: str) -> str:
    """Replace what could steer a terminal, line ends included; names and texts from the network may hold anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" if ord(c) != 10 else " " for c in text)  # noqa: PLR2004 - line feed


def format_ms(value: float | None) -> str:
    """Milliseconds, to three digits; ``-`` for none and for zero, which stands for not yet measured."""
    return f"{value:.3g} ms" if value and value < 100 else f"{value:.0f} ms" if value else NONE  # noqa: PLR2004 - digits


def format_rate(value: float | None) -> str:
    """Frames a second, to three digits; ``-`` for not known."""
    return NONE if value is None else f"{value:.0f}/s" if value >= 100 else f"{value:.3g}/s"  # noqa: PLR2004 - digits


def format_span(seconds: float | None) -> str:
    """A duration in six columns, coarser the longer it is: ``0.4 s``, ``59 s``, ``12m05s``, ``3h07m``, ``9d04h``."""
    if seconds is None:
        return NONE
    if seconds < 10:  # noqa: PLR2004 - one digit before the point
        return f"{seconds:.1f} s"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def format_bytes(value: float) -> str:
    """A size in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if value < _KIBI:
            return f"{value:.0f} {unit}"
        value /= _KIBI
    return f"{value:.1f} GiB"


def format_count(value: int) -> str:
    """A count in at most five columns: ``999``, ``12.3k``, ``4.56M``."""
    if value < 10_000:  # noqa: PLR2004 - five columns
        return str(value)
    return f"{value / 1e3:.3g}k" if value < 999_500 else f"{value / 1e6:.3g}M"  # noqa: PLR2004 - where 1000k would show


def format_clock(at: float) -> str:
    """Unix seconds as the local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def count_words(count: int, noun: str) -> str:
    """Return ``1 node`` or ``2 nodes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
