"""What there is to say about one node or one camera, as pairs of a label and a value."""

from __future__ import annotations

from collections.abc import Sequence

from tui.bars import draw_share
from tui.flow import Flow, Stage
from tui.rows.cluster import describe_rungs
from tui.rows.plans import compare, describe_plan, judge_plan
from tui.severity import Assessment, judge_camera, judge_model, judge_node
from tui.texts import NONE, format_bytes, format_ms, format_rate, format_span, printable
from wire.cameras import CameraStatus
from wire.health import frame_age
from wire.jobs import BatchStatus
from wire.redact import redact_url
from wire.status import ModelStatus, NodeStatus

Fact = tuple[str, str]

LEAST = 16
"""Columns that a value has at least where two pairs share a line."""


def pair_facts(facts: Sequence[Fact], width: int) -> tuple[tuple[Fact, ...], ...]:
    """Put neighbours whose values both fit into half of a width beside each other, in their order."""
    room = width // 2 - max((len(label) for label, _ in facts), default=0) - 3
    lines: list[tuple[Fact, ...]] = []
    for fact in facts:
        before = lines[-1] if lines else ()
        if room >= LEAST and len(before) == 1 and max(len(before[0][1]), len(fact[1])) <= room:
            lines[-1] = (*before, fact)
        else:
            lines.append((fact,))
    return tuple(lines)


def node_facts(node: NodeStatus, assessment: Assessment) -> tuple[Fact, ...]:
    """Return the facts of one of the status's nodes."""
    beat = node.heartbeat
    facts = (
        ("State", str(judge_node(node, assessment))),
        ("Heard", f"{format_span(node.age_s)} ago"),
        ("Up", format_span(beat.uptime_s)),
        ("Load", f"{beat.load:.2f} on {beat.cpus} cores"),
        ("Temperature", NONE if beat.temperature_c is None else f"{beat.temperature_c:.1f} °C"),
        ("Frames", f"{beat.in_flight} in work, {beat.queued} queued, {node.in_flight} sent"),
        ("Memory", f"{format_bytes(beat.memory_available_bytes)} free of {format_bytes(beat.memory_bytes)}"),
        ("Throttling", ", ".join(beat.throttling) or "none"),
        ("Agent", f"{beat.version}, {beat.machine}, {format_bytes(beat.rss_bytes)}"),
        *(("Fenced", f"{model}: {reason}") for model, reason in node.fenced.items()),
        ("Can run", ", ".join(beat.variants) or NONE),
    )
    return tuple((label, printable(value)) for label, value in facts)


def camera_facts(camera: CameraStatus, assessment: Assessment) -> tuple[Fact, ...]:
    """Return the facts of one of the status's cameras."""
    counts, at = camera.counts, assessment.status.at
    facts = (
        ("State", str(judge_camera(camera, assessment))),
        ("Since", f"{format_span(max(0.0, at - camera.since))} ago"),
        ("Frame", f"{format_span(frame_age(camera, at))} old"),
        ("Rate", f"{camera.fps:.1f}/s, {camera.jitter_ms:.0f} ms jitter"),
        ("Rung", describe_rungs(camera)),
        ("Blind", format_span(camera.seconds_blind)),
        ("Restarts", str(camera.restarts)),
        ("Offered", str(counts.offered)),
        ("Inferred", str(counts.inferred)),
        ("Gated", str(counts.gated)),
        ("Dropped", describe_reasons(counts.dropped)),
        ("Failed", describe_reasons(counts.failed)),
        ("Open", str(counts.open)),
        ("Models", ", ".join(camera.models)),
        ("Owner", camera.controller or NONE),
        ("Source", redact_url(camera.source)),
    )
    return tuple((label, printable(value)) for label, value in facts)


def model_facts(model: ModelStatus, flow: Flow, assessment: Assessment) -> tuple[Fact, ...]:
    """Return the facts of one of the status's models; ``flow`` is its own."""
    state = next((each for each in assessment.status.plans if each.model == model.model), None)
    plan = state.plan if state else None
    stages = [stage for each in flow.pipelines if (stage := each.bottleneck)]
    slowest = min(stages, key=lambda stage: stage.limit or 0.0) if stages else None
    facts = (
        ("State", str(judge_model(model, assessment))),
        ("Plan", f"{judge_plan(state)}, {describe_plan(plan)}"),
        ("Throughput", _hold("now", format_rate(flow.rate), "at most", format_rate(flow.predicted_rate))),
        ("One frame", _compare_times(flow)),
        *((("Bottleneck", _tell_bottleneck(slowest)),) if slowest else ()),
        *(
            (("Primary", f"{', '.join(model.primary)}; by: {', '.join(model.standing_by) or NONE}"),)
            if model.primary
            else ()
        ),
        ("Version", f"{model.version}, {model.task}, {model.licence}; {', '.join(model.variants)}"),
    )
    return tuple((label, printable(value)) for label, value in facts)


def batch_facts(batch: BatchStatus, at: float) -> tuple[Fact, ...]:
    """Return a batch's facts at a moment of the controller's clock, in Unix seconds."""
    ended = batch.done + batch.failed + batch.cancelled
    total = ended + batch.queued
    share = ended / total if total else 0.0
    facts = (
        ("Progress", f"{draw_share(share, 20)} {share:.0%} of {total}".replace("%", " %")),
        ("Ended", f"{batch.done} done, {batch.failed} failed, {batch.cancelled} cancelled, {batch.queued} to come"),
        ("Kept", f"the pictures of {batch.kept} failed jobs, which can be tried again"),
        ("Last", f"{format_span(max(0.0, at - batch.last_at))} ago" if batch.last_at else NONE),
        ("Models", ", ".join(batch.models) or NONE),
    )
    return tuple((label, printable(value)) for label, value in facts)


def describe_reasons(reasons: dict[str, int]) -> str:
    """Return ``12 (expired 3, superseded 9)``; ``0`` for none."""
    parts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()) if count)
    return f"{sum(reasons.values())}" + (f" ({parts})" if parts else "")


def _hold(said: str, measured: str, limit: str, predicted: str) -> str:
    return f"{measured} {said}" + (f"; predicted: {predicted} {limit}" if predicted != NONE else "")


def _compare_times(flow: Flow) -> str:
    text = f"{format_ms(flow.latency_ms)} from capture to result"
    if flow.predicted_ms is None:
        return text
    off = compare(flow.latency_ms, flow.predicted_ms)
    return f"{text}; predicted: {format_ms(flow.predicted_ms)} alone" + (f" ({off})" if off else "")


def _tell_bottleneck(stage: Stage) -> str:
    nodes = ", ".join(worker.node for worker in stage.workers)
    return f"stage {stage.number} on {nodes}: {stage.limit or 0.0:.3g} frames a second at most"
