"""The figures as a picture: one panel a figure, one bar a contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

OURS = "#2a7f3f"
OTHERS = "#9aa5b1"


class Panel(NamedTuple):
    """One figure of all contenders."""

    title: str
    field: str
    bound: float | None = None  # what must hold


PANELS = (
    Panel("messaging CPU a frame, ms", "messaging_ms", 0.9),
    Panel("added latency at one in flight, ms", "one_added_ms", 1.0),
    Panel("frames a second, of two bare loops", "saturation", 0.92),
    Panel("memory, MB", "memory_mb"),
    Panel("start to first answer, s", "start_s"),
)


def draw(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str], path: Path, *, note: str) -> None:
    """Draw the rows of the frame path; the suffix of ``path`` says as what (svg, png)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second, and is only there for benchmarks

    figure = Figure(figsize=(9, 1.2 + 0.36 * len(rows) * len(PANELS)), layout="constrained")
    axes = figure.subplots(len(PANELS), 1, squeeze=False)[:, 0]
    names = [titles[row["contender"]] for row in rows]
    colours = [OURS if row["contender"].startswith("bramble") else OTHERS for row in rows]
    for panel, axis in zip(PANELS, axes, strict=True):
        bars = axis.barh(names, [row[panel.field] for row in rows], color=colours)
        axis.bar_label(bars, fmt="{:.3g}", padding=3, fontsize=8)
        axis.invert_yaxis()
        axis.set_title(panel.title, fontsize=9, loc="left")
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        if panel.bound is not None:
            axis.axvline(panel.bound, color="black", linewidth=0.8, linestyle=":")
    figure.suptitle(note, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
