"""Percentiles of the recent results."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

WINDOW = 4096


def percentile(ordered: list[float], share: float) -> float:
    """Return the nearest-rank percentile of values in ascending order; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Latencies:
    """The total times of the last 4,096 results, in milliseconds."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=WINDOW)

    def add(self, total_ms: float) -> None:
        """Add a result."""
        self._recent.append(total_ms)

    def summary(self) -> dict[str, float]:
        """Return p50, p95 and p99 in milliseconds."""
        ordered = sorted(self._recent)
        return {f"p{share}": round(percentile(ordered, share / 100), 2) for share in (50, 95, 99)}


def worst_latencies(several: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return each percentile's highest value: percentiles of several controllers cannot be put together exactly."""
    worst: dict[str, float] = {}
    for each in several:
        worst |= {name: max(value, worst.get(name, 0.0)) for name, value in each.items()}
    return worst
