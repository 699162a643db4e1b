"""The cluster over time: one point a status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wire.messages import Counts
from wire.status import ClusterStatus

LOOK_BACK = 6
"""Points in which a controller's answer before is looked for; as many controllers may take turns."""


@dataclass(frozen=True, slots=True)
class Point:
    """One second or so. A rate is None where there is nothing to take it from: at first, and after a restart."""

    at: float  # Unix seconds, the controller's
    controller: str  # that told
    counts: Counts  # in all, as that controller knows them
    inferred: float | None  # results a second
    lost: float | None  # frames dropped and failed a second
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    in_flight: int
    load: float  # mean load average per core of the live nodes


@dataclass(frozen=True, slots=True)
class Curve:
    """A series' values, oldest first, and the number of the newest since the first there ever was."""

    values: tuple[float | None, ...] = ()
    newest: int = -1


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


def measure(before: Sequence[Point], after: ClusterStatus) -> Point:
    """Take a point from a status and the points before it, oldest first.

    Several controllers answer in turns, and what each knows of the others is a moment old: a rate is taken from two
    answers of the same one.
    """
    last = next((point for point in before[: -LOOK_BACK - 1 : -1] if point.controller == after.controller), None)
    live = [node for node in after.nodes if node.liveness == "live"]
    cores = sum(node.heartbeat.cpus for node in live)
    return Point(
        at=after.at,
        controller=after.controller,
        counts=after.counts,
        inferred=_rate(last, after, lambda counts: counts.inferred),
        lost=_rate(last, after, count_lost),
        p50_ms=after.latency_ms.get("p50") or None,
        p95_ms=after.latency_ms.get("p95") or None,
        p99_ms=after.latency_ms.get("p99") or None,
        in_flight=sum(node.in_flight for node in after.nodes),
        load=sum(node.heartbeat.load for node in live) / cores if cores else 0.0,
    )


def count_lost(counts: Counts) -> int:
    """Add up the frames that nobody looked at although they were to be."""
    return sum(counts.dropped.values()) + sum(counts.failed.values())


def values_of(series: Series, points: Sequence[Point]) -> tuple[float | None, ...]:
    """Return a series' values, a point each, so that series side by side tell of the same moments."""
    return tuple(series.value(point) for point in points)


def summarise(values: Sequence[float | None], unit: str) -> str:
    """Return the last value with its unit, and the range; a dash before the first."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    last, least, most = (_format(value) for value in (known[-1], min(known), max(known)))
    return f"{last} {unit}, {least} to {most}".replace(" ,", ",")


def _format(value: float) -> str:
    """Three digits, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def _rate(before: Point | None, after: ClusterStatus, count: Callable[[Counts], int]) -> float | None:
    if before is None or after.at <= before.at:
        return None
    grown = count(after.counts) - count(before.counts)
    return grown / (after.at - before.at) if grown >= 0 else None  # less than before: the controller was restarted
