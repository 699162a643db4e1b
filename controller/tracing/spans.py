"""From a result to the spans of its frame. Pure; times in Unix seconds by the controller's clock alone.

Nodes tell durations, not times, so their clocks need not agree: a stage's parts follow each other in the order in which
they happen, and what a frame spent on the network is put before and after in equal shares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wire.messages import Result, StageTimings, Timings
from wire.tiles import TileReport, write_region

STAGE_PARTS = ("queue", "decode", "preprocess", "infer", "postprocess")

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class PlannedSpan:
    """One span; ``parent`` is the place of its parent in the tuple it came in, None for the frame's own."""

    name: str
    start: float
    end: float
    parent: int | None
    attributes: dict[str, Value] = field(default_factory=dict)


def plan_spans(result: Result, ended: float) -> tuple[PlannedSpan, ...]:
    """Return the frame's own span, then those within it: capture, wait, stages with their parts, or tiles and merge."""
    timings = result.timings
    arrived = ended - timings.total_ms / 1e3
    started = min(arrived, result.captured_at)
    spans = [PlannedSpan(f"frame {result.model}", started, ended, None, _describe(result))]
    if started < arrived:
        spans.append(PlannedSpan("capture", started, arrived, 0))
    if timings.wait_ms:
        spans.append(PlannedSpan("wait", arrived, arrived + timings.wait_ms / 1e3, 0))
    if result.error is None and not result.cached:
        sent = arrived + timings.wait_ms / 1e3
        if result.tiles:
            _add_tiles(spans, result.tiles, sent, max(sent, ended - timings.merge_ms / 1e3), ended)
        else:
            stages = result.stages or (_as_stage(result.nodes[-1] if result.nodes else "", timings),)
            _add_stages(spans, stages, sent, ended)
    return tuple(spans)


def _add_stages(spans: list[PlannedSpan], stages: tuple[StageTimings, ...], sent: float, ended: float) -> None:
    """Lay the stages out between dispatch and result; the time that none of them accounts for lies around them."""
    spent = sum(sum(_parts(stage).values()) for stage in stages)
    hop = max(0.0, ended - sent - spent) / (len(stages) + 1)
    at = sent + hop
    for number, stage in enumerate(stages):
        parts = _parts(stage)
        parent = len(spans)
        attributes: dict[str, Value] = {"bramble.node": stage.node, "bramble.stage": number}
        if stage.sent_bytes:
            attributes["bramble.sent_bytes"] = stage.sent_bytes
        spans.append(PlannedSpan(f"stage {number}", at, at + sum(parts.values()), 0, attributes))
        for name, seconds in parts.items():
            if seconds > 0:
                spans.append(PlannedSpan(name, at, at + seconds, parent))
            at += seconds
        at += hop


def _add_tiles(
    spans: list[PlannedSpan], tiles: tuple[TileReport, ...], sent: float, answered: float, ended: float
) -> None:
    """Lay the tiles out side by side, each in the middle of its turn, and behind them what made them one answer."""
    for number, tile in enumerate(tiles):
        busy = min(tile.busy_ms / 1e3, answered - sent)
        began = sent + (answered - sent - busy) / 2
        attributes: dict[str, Value] = {"bramble.node": tile.node, "bramble.tile": write_region(tile.region)}
        spans.append(PlannedSpan(f"tile {number}", began, min(began + busy, answered), 0, attributes))
    spans.append(PlannedSpan("merge", answered, ended, 0, {"bramble.tiles": len(tiles)}))


def _parts(stage: StageTimings) -> dict[str, float]:
    return {part: float(getattr(stage, f"{part}_ms")) / 1e3 for part in STAGE_PARTS}


def _as_stage(node: str, timings: Timings) -> StageTimings:
    return StageTimings(
        node=node or "unknown", **{f"{part}_ms": getattr(timings, f"{part}_ms") for part in STAGE_PARTS}
    )


def _describe(result: Result) -> dict[str, Value]:
    return dict(_read(result))


def _read(result: Result) -> Iterator[tuple[str, Value]]:
    yield "bramble.frame", result.frame
    yield "bramble.camera", result.camera
    yield "bramble.model", result.model
    if result.version:
        yield "bramble.model_version", result.version
    if result.redone:
        yield "bramble.redone", True
    if result.error is not None:
        yield "error.type", result.error.code.value
