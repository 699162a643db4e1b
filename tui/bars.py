"""Values over time as bars that start at zero, so that their heights can be compared."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"

WINDOWS = (60, 150, 300, 600)
"""So many values does the width stand for: the first of these that has room for all."""


def draw_bars(values: Sequence[float | None], width: int, height: int, *, newest: int | None = None) -> tuple[str, ...]:
    """Draw the values as lines of text, the top line first, the newest value at the right.

    Where a column stands for several values it shows the greatest of them: a short peak must not vanish. Which values
    share a column depends on their numbers alone, so that bars stay as they are while they move to the left. The
    highest bar fills the height.

    Args:
        values: not negative, oldest first; where one is not known (None) there is no bar.
        width: columns.
        height: lines.
        newest: number of the last value, counted from 0 since the first there ever was; None: none is missing.

    """
    columns = _squeeze(values, width, len(values) - 1 if newest is None else newest)
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


def _squeeze(values: Sequence[float | None], width: int, newest: int) -> list[float]:
    """Return the greatest value of each column that has any, and of those between; at most ``width``."""
    window = next((each for each in WINDOWS if each >= len(values)), len(values))
    share = max(1.0, window / width)
    columns: dict[int, float] = {}
    for number, value in enumerate(values, newest + 1 - len(values)):
        column = int(number / share)
        columns[column] = max(columns.get(column, 0.0), value or 0.0)
    last = max(columns, default=0)
    return [columns.get(column, 0.0) for column in range(max(min(columns, default=0), last + 1 - width), last + 1)]
