"""The order of rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tui.columns import Row


@lru_cache(maxsize=4096)
def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Order ``node-2`` before ``node-10``. Names are the same every second, and taking them apart is dear."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def worst_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Put the worst first, and equals in the order in which people count."""
    return tuple(sorted(rows, key=lambda row: (-row.severity, natural_key(row.key))))
