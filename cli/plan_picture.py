"""A plan as boxes in text: stages from left to right, the nodes that share each from top to bottom. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest

from cli.tables import format_ms
from wire.plans import PlannedStage, PlanOption
from wire.precision import Precision

MOST_NODES = 6
"""Of a stage that are drawn; the others are counted."""
_ARROW, _BESIDE = " ─▶ ", " ║  "  # parts of the picture run side by side


def draw_option(option: PlanOption) -> list[str]:
    """Return lines of text, one block a pipeline."""
    lines: list[str] = []
    for number, stages in enumerate(option.pipelines):
        seconds = option.stage_seconds[number] if number < len(option.stage_seconds) else ()
        boxes = [
            _draw_stage(stage, seconds[place] if place < len(seconds) else ()) for place, stage in enumerate(stages)
        ]
        lines += _join(boxes, [_BESIDE if after.start < before.end else _ARROW for before, after in pairwise(stages)])
    return lines


def _draw_stage(stage: PlannedStage, seconds: Sequence[float]) -> list[str]:
    rows = [
        f"{node}  {format_ms(taken * 1e3)}" if taken is not None else node
        for node, taken in zip_longest(stage.nodes, seconds[: len(stage.nodes)])
    ]
    if len(rows) > MOST_NODES:
        rows = [*rows[: MOST_NODES - 1], f"and {len(rows) - MOST_NODES + 1} more"]
    title = f"{stage.start}-{stage.end}" + ("" if stage.wire is Precision.EXACT else f" {stage.wire}")
    width = max(len(title) + 1, *(len(row) for row in rows))
    return [
        f"┌ {title} {'─' * (width - len(title))}┐",
        *(f"│ {row.ljust(width)} │" for row in rows),
        f"└{'─' * (width + 2)}┘",
    ]


def _join(boxes: Sequence[Sequence[str]], arrows: Sequence[str]) -> list[str]:
    height = max(len(box) for box in boxes)
    padded = [[*box, *(" " * len(box[0]) for _ in range(height - len(box)))] for box in boxes]
    lines = []
    for row in range(height):
        between = [arrow if row == 1 else " " * len(arrow) for arrow in arrows]
        cells = "".join(box[row] + arrow for box, arrow in zip(padded, [*between, ""], strict=True))
        ends = ("frames ─▶ ", " ─▶ results") if row == 1 else (" " * 10, "")
        lines.append(f"{ends[0]}{cells}{ends[1]}".rstrip())
    return lines
