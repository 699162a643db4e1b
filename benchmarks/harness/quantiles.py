"""What is told of many latencies."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from controller.results.latency import percentile


class Quantiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of latencies, in milliseconds; 0 where there are none."""

    p50: float
    p95: float
    p99: float
    worst: float
    mean: float


def summarise(latencies_s: Sequence[float]) -> Quantiles:
    """Return the quantiles of latencies in seconds, in any order."""
    if not latencies_s:
        return Quantiles(p50=0.0, p95=0.0, p99=0.0, worst=0.0, mean=0.0)
    found = sorted(each * 1e3 for each in latencies_s)
    return Quantiles(
        p50=percentile(found, 0.50),
        p95=percentile(found, 0.95),
        p99=percentile(found, 0.99),
        worst=found[-1],
        mean=sum(found) / len(found),
    )
