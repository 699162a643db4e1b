"""Values over time as bars that start at zero, so that their heights can be compared."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"


def draw_bars(values: Sequence[float | None], width: int, height: int) -> tuple[str, ...]:
    """Draw the values as lines of text, the top line first, the newest value at the right.

    Where there are more values than columns, each column shows the greatest of its share: a short peak must not
    vanish. The highest bar fills the height.

    Args:
        values: not negative, oldest first; where one is not known (None) there is no bar.
        width: columns.
        height: lines.

    """
    columns = _squeeze(values, width)
    top = max(columns, default=0.0)
    steps = [round(value / top * height * 8) if top > 0 else 0 for value in columns]
    steps = [max(step, 1) if value > 0 else 0 for step, value in zip(steps, columns, strict=True)]
    return tuple(
        "".join(EIGHTHS[min(8, max(0, step - 8 * line))] for step in steps).rjust(width)
        for line in reversed(range(height))
    )


def draw_share(share: float, width: int) -> str:
    """Draw a share of 0 to 1 as a bar of so many columns, such as ``███▌····``."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")).ljust(width, "·")


def _squeeze(values: Sequence[float | None], width: int) -> list[float]:
    known = [value or 0.0 for value in values]
    if len(known) <= width:
        return known
    edges = [round(place * len(known) / width) for place in range(width + 1)]
    return [max(known[start:end]) for start, end in itertools.pairwise(edges)]
