"""The cluster over time: one point a status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wire.messages import Counts
from wire.status import ClusterStatus


@dataclass(frozen=True, slots=True)
class Point:
    """One second or so. A rate is None where there is nothing to take it from: at first, and after a restart."""

    at: float  # Unix seconds, the controller's
    inferred: float | None  # results a second
    lost: float | None  # frames dropped and failed a second
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    in_flight: int
    load: float  # mean load average per core of the live nodes


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the trends: how it is called and shown, and where its values are."""

    title: str
    unit: str
    value: Callable[[Point], float | None]


SERIES = (
    Series("Throughput", "results/s", lambda point: point.inferred),
    Series("Lost", "frames/s", lambda point: point.lost),
    Series("Latency p50", "ms", lambda point: point.p50_ms),
    Series("Latency p95", "ms", lambda point: point.p95_ms),
    Series("Latency p99", "ms", lambda point: point.p99_ms),
    Series("In flight", "frames", lambda point: float(point.in_flight)),
    Series("Load per core", "", lambda point: point.load),
)


def measure(before: ClusterStatus | None, after: ClusterStatus) -> Point:
    """Take a point from a status and the one before it."""
    live = [node for node in after.nodes if node.liveness == "live"]
    cores = sum(node.heartbeat.cpus for node in live)
    return Point(
        at=after.at,
        inferred=_rate(before, after, lambda counts: counts.inferred),
        lost=_rate(before, after, count_lost),
        p50_ms=after.latency_ms.get("p50") or None,
        p95_ms=after.latency_ms.get("p95") or None,
        p99_ms=after.latency_ms.get("p99") or None,
        in_flight=sum(node.in_flight for node in after.nodes),
        load=sum(node.heartbeat.load for node in live) / cores if cores else 0.0,
    )


def count_lost(counts: Counts) -> int:
    """Add up the frames that nobody looked at although they were to be."""
    return sum(counts.dropped.values()) + sum(counts.failed.values())


def values_of(series: Series, points: Sequence[Point]) -> tuple[float, ...]:
    """Return a series' values, without the gaps."""
    return tuple(value for point in points if (value := series.value(point)) is not None)


def summarise(values: Sequence[float], unit: str) -> str:
    """Return the last value, the range and the unit; a dash before the first."""
    if not values:
        return "-"
    return f"{values[-1]:.3g} {unit} (from {min(values):.3g} to {max(values):.3g})".replace("  ", " ")


def _rate(before: ClusterStatus | None, after: ClusterStatus, count: Callable[[Counts], int]) -> float | None:
    if before is None or after.at <= before.at or before.controller != after.controller:
        return None
    grown = count(after.counts) - count(before.counts)
    return grown / (after.at - before.at) if grown >= 0 else None  # less than before: the controller was restarted
