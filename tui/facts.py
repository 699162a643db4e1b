"""What there is to say about one node or one camera, as pairs of a label and a value."""

from __future__ import annotations

from tui.severity import Verdict, judge_camera, judge_node
from tui.texts import NONE, format_bytes, format_span, printable
from wire.cameras import CameraStatus
from wire.health import frame_age
from wire.redact import redact_url
from wire.status import NodeStatus

Fact = tuple[str, str]


def node_facts(node: NodeStatus, *, waited_s: float = 0.0) -> tuple[Fact, ...]:
    """Return a node's facts; ``waited_s`` is the age of the status."""
    beat = node.heartbeat
    facts = (
        ("State", _describe(judge_node(node, waited_s=waited_s))),
        ("Heard", f"{format_span(node.age_s + waited_s)} ago"),
        ("Up", format_span(beat.uptime_s)),
        ("Load", f"{beat.load:.2f} on {beat.cpus} cores"),
        ("Frames", f"{beat.in_flight} in work, {beat.queued} queued, {node.in_flight} by the controller's count"),
        ("Temperature", NONE if beat.temperature_c is None else f"{beat.temperature_c:.1f} °C"),
        ("Throttling", ", ".join(beat.throttling) or "none"),
        ("Memory", f"{format_bytes(beat.memory_available_bytes)} free of {format_bytes(beat.memory_bytes)}"),
        ("Agent", f"{format_bytes(beat.rss_bytes)}, version {beat.version}, {beat.machine}"),
        ("Can run", ", ".join(beat.variants) or NONE),
    )
    return tuple((label, printable(value)) for label, value in facts)


def camera_facts(camera: CameraStatus, at: float) -> tuple[Fact, ...]:
    """Return a camera's facts at a moment of the controller's clock, in Unix seconds."""
    counts = camera.counts
    facts = (
        ("State", _describe(judge_camera(camera, at))),
        ("Since", f"{format_span(max(0.0, at - camera.since))} ago"),
        ("Frame", f"{format_span(frame_age(camera, at))} old"),
        ("Rate", f"{camera.fps:.1f} frames/s"),
        ("Blind", format_span(camera.seconds_blind)),
        ("Restarts", str(camera.restarts)),
        ("Offered", str(counts.offered)),
        ("Inferred", str(counts.inferred)),
        ("Gated", str(counts.gated)),
        ("Dropped", describe_reasons(counts.dropped)),
        ("Failed", describe_reasons(counts.failed)),
        ("Open", str(counts.open)),
        ("Models", ", ".join(camera.models)),
        ("Source", redact_url(camera.source)),
    )
    return tuple((label, printable(value)) for label, value in facts)


def describe_reasons(reasons: dict[str, int]) -> str:
    """Return ``12 (expired 3, superseded 9)``; ``0`` for none."""
    parts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()) if count)
    return f"{sum(reasons.values())}" + (f" ({parts})" if parts else "")


def _describe(verdict: Verdict) -> str:
    return f"{verdict.severity.mark} {verdict.word}" + (f": {verdict.why}" if verdict.why else "")
