"""The controller's registry: histograms observed frame by frame, and everything else read from one snapshot.

A scrape runs on another thread. It sees one whole snapshot or the next, never half of one.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.metrics.family import Family
from controller.metrics.snapshot import Snapshot
from controller.metrics.table import FRAME_SECONDS, PART_SECONDS, PARTS, REFUSED_PUSHES, TABLE
from wire.messages import Timings

MAX_SERIES = 2000
"""Series of one family, at most: a cluster of 20 nodes and 30 cameras is far below, a mistake must not fill a disk."""

BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_OMITTED = Family(
    "bramble_series_omitted", "gauge", f"Series left out because a family would have had more than {MAX_SERIES}"
)


def expose(snapshot: Snapshot, table: tuple[Family, ...] = TABLE, *, most: int = MAX_SERIES) -> Iterator[Metric]:
    """Yield every family that is read from a snapshot, each label set once, and how many series were left out."""
    omitted = 0
    for family in table:
        if family.read is None:
            continue
        series = dict(family.read(snapshot))
        omitted += max(0, len(series) - most)
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = kind(family.name, family.text, labels=family.labels)
        for labels, value in list(series.items())[:most]:
            metric.add_metric(labels, value)
        yield metric
    yield GaugeMetricFamily(_OMITTED.name, _OMITTED.text, value=omitted)


class _Shown(Collector):
    """The snapshot that scrapes see."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def collect(self) -> Iterator[Metric]:
        snapshot = self.snapshot
        if snapshot is not None:
            yield from expose(snapshot)


class Metrics:
    """The controller's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shown = _Shown()
        self.registry.register(self._shown)
        ProcessCollector(registry=self.registry)
        self._total = _make_histogram(FRAME_SECONDS, self.registry)
        self._parts = _make_histogram(PART_SECONDS, self.registry)
        self._series: dict[
            str, tuple[Histogram, tuple[tuple[str, Histogram], ...]]
        ] = {}  # by model: found by name once
        self._refused_pushes = Counter(REFUSED_PUSHES.name, REFUSED_PUSHES.text, registry=self.registry)

    def show(self, snapshot: Snapshot) -> None:
        """Let scrapes see this snapshot from now on."""
        self._shown.snapshot = snapshot

    def note_timings(self, model: str, timings: Timings, *, frame: str, trace_id: str | None = None) -> None:
        """Count where an inferred frame's time went; the frame, and its trace, are the exemplar of its bucket."""
        exemplar = {"frame": frame} if trace_id is None else {"frame": frame, "trace_id": trace_id}
        series = self._series.get(model)
        if series is None:
            parts = tuple((f"{part}_ms", self._parts.labels(model, part)) for part in PARTS)
            series = self._series[model] = (self._total.labels(model), parts)
        total, parts = series
        total.observe(timings.total_ms / 1e3, exemplar=exemplar)
        for name, part in parts:
            part.observe(getattr(timings, name) / 1e3)

    def note_refused_push(self) -> None:
        """Count a picture that no camera takes."""
        self._refused_pushes.inc()


def _make_histogram(family: Family, registry: CollectorRegistry) -> Histogram:
    return Histogram(family.name, family.text, family.labels, buckets=BUCKETS, registry=registry)


OWN = (*TABLE, _OMITTED)
"""All of Bramble's own families; beside them there is what prometheus_client tells of the process."""
