"""What Prometheus sees. Base units; labels only from configuration, so that nobody outside can add series."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from controller.ledger import End
from wire.messages import NodeStatus, Timings

_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
_STAGES = ("wait", "network", "queue", "decode", "preprocess", "infer", "postprocess", "total")


class Metrics:
    """The controller's metrics, in a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._offered = Counter(
            "bramble_frames_offered", "Frames offered to a model", ["camera", "model"], registry=self.registry
        )
        self._ended = Counter(
            "bramble_frames_ended",
            "Frames by their end; the sum over ends equals bramble_frames_offered_total",
            ["camera", "model", "end", "reason"],
            registry=self.registry,
        )
        self._stages = Histogram(
            "bramble_stage_duration_seconds",
            "Where the time of inferred frames goes",
            ["model", "stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._redone = Counter(
            "bramble_frames_redone", "Frames that a second node was asked for", registry=self.registry
        )
        self._waiting = Gauge("bramble_dispatch_waiting", "Frames that wait for a free slot", registry=self.registry)
        self._refused_pushes = Counter(
            "bramble_pushes_refused", "Pictures on frames.* that no camera takes", registry=self.registry
        )
        self._up = self._node_gauge("up", "1 while the node's heartbeats come")
        self._load = self._node_gauge("load1", "One-minute load average")
        self._in_flight = self._node_gauge("in_flight", "Frames sent to the node and not yet answered")
        self._temperature = self._node_gauge("temperature_celsius", "Of the board, where it tells")
        self._throttled = self._node_gauge("throttled", "1 while the board says that it slows itself down")
        self._memory = self._node_gauge("memory_available_bytes", "Memory that programs can still have")
        self._fps = Gauge("bramble_camera_frames_per_second", "Rate of a camera", ["camera"], registry=self.registry)
        self._blind = Gauge(
            "bramble_camera_blind_seconds_total", "Time without a picture", ["camera"], registry=self.registry
        )
        Info("bramble_build", "Version", registry=self.registry).info({"version": version})

    def _node_gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"bramble_node_{name}", text, ["node"], registry=self.registry)

    def note_offer(self, camera: str, model: str) -> None:
        """Count a frame offered."""
        self._offered.labels(camera, model).inc()

    def note_end(self, camera: str, model: str, end: End, reason: str) -> None:
        """Count a frame's end."""
        self._ended.labels(camera, model, end.value, reason).inc()

    def note_timings(self, model: str, timings: Timings, *, redone: bool) -> None:
        """Count where an inferred frame's time went."""
        for stage in _STAGES:
            self._stages.labels(model, stage).observe(getattr(timings, f"{stage}_ms") / 1e3)
        if redone:
            self._redone.inc()

    def note_refused_push(self) -> None:
        """Count a picture that no camera takes."""
        self._refused_pushes.inc()

    def note_camera(self, camera: str, *, fps: float, blind_s: float) -> None:
        """Show a camera's rate and blindness."""
        self._fps.labels(camera).set(fps)
        self._blind.labels(camera).set(blind_s)

    def forget_camera(self, camera: str) -> None:
        """Stop showing a camera that was removed."""
        self._fps.remove_by_labels({"camera": camera})
        self._blind.remove_by_labels({"camera": camera})

    def note_nodes(self, nodes: Iterable[NodeStatus], *, waiting: int) -> None:
        """Show the nodes as they are now, and only them."""
        for gauge in (self._up, self._load, self._in_flight, self._temperature, self._throttled, self._memory):
            gauge.clear()
        self._waiting.set(waiting)
        for status in nodes:
            beat = status.heartbeat
            self._up.labels(status.node).set(status.liveness == "live")
            self._load.labels(status.node).set(beat.load)
            self._in_flight.labels(status.node).set(status.in_flight)
            self._throttled.labels(status.node).set(bool(beat.throttling))
            self._memory.labels(status.node).set(beat.memory_available_bytes)
            if beat.temperature_c is not None:
                self._temperature.labels(status.node).set(beat.temperature_c)
