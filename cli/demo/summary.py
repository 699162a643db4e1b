"""The end of a demonstration, as one value."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cli.commands.cameras import describe_reasons
from cli.tables import Table, format_ms
from wire.messages import Counts
from wire.status import ClusterStatus


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the frames. ``offered`` is the sum of all ends: a frame that is nowhere would show here.

    The ledger is that of the controller at the end; what one counted that was killed went with it.
    """

    offered: int
    inferred: int
    gated: int
    dropped: dict[str, int]
    failed: dict[str, int]
    fps: float  # results a second, all models together
    latency_ms: dict[str, float]  # p50, p95, p99, from capture to result
    nodes: tuple[str, ...]
    models: tuple[str, ...]
    served: dict[str, int]  # results by node
    first_result_s: float | None  # from the start of the process
    seconds: float  # that the camera ran
    pictures: tuple[str, ...]


def is_balanced(counts: Counts) -> bool:
    """Tell whether every frame that was offered has found exactly one end."""
    ends = counts.inferred + counts.gated + sum(counts.dropped.values()) + sum(counts.failed.values())
    return counts.open == 0 and counts.offered == ends


def summarise(
    status: ClusterStatus,
    *,
    served: Mapping[str, int],
    first_result_s: float | None,
    seconds: float,
    pictures: tuple[str, ...],
) -> Summary:
    """Return the summary of a camera that ran for ``seconds`` and is gone."""
    counts = status.counts
    return Summary(
        offered=counts.offered,
        inferred=counts.inferred,
        gated=counts.gated,
        dropped=counts.dropped,
        failed=counts.failed,
        fps=round(counts.inferred / seconds, 2) if seconds > 0 else 0.0,
        latency_ms={name: round(value, 2) for name, value in status.latency_ms.items()},
        nodes=tuple(node.node for node in status.nodes),
        models=tuple(model.model for model in status.models),
        served=dict(served),
        first_result_s=None if first_result_s is None else round(first_result_s, 2),
        seconds=round(seconds, 2),
        pictures=pictures,
    )


def tabulate(summary: Summary) -> Table:
    """Return the summary as a table for people."""
    first = summary.first_result_s
    times = "  ".join(f"{name} {format_ms(value)}" for name, value in summary.latency_ms.items())
    shares = ", ".join(f"{node} {count}" for node, count in sorted(summary.served.items()))
    rows = (
        ("frames offered", str(summary.offered)),
        ("inferred", str(summary.inferred)),
        ("gated", str(summary.gated)),
        ("dropped", describe_reasons(summary.dropped)),
        ("failed", describe_reasons(summary.failed)),
        ("results a second", f"{summary.fps:g} over {summary.seconds:.1f} s"),
        ("latency", times or "-"),
        ("results by node", shares or "-"),
        ("models", ", ".join(summary.models)),
        ("first result", "none" if first is None else f"{first:.1f} s after the start"),
        ("pictures", ", ".join(summary.pictures) or "none"),
    )
    return Table(("SUMMARY", ""), rows)
