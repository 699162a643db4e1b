"""``python -m controller.metrics.page`` prints docs/metrics.md."""

from __future__ import annotations

from controller.metrics.metrics import BUCKETS, MAX_SERIES
from controller.metrics.table import GROUPS

_HEAD = """\
# Metrics

The controller serves `/metrics` for Prometheus, in its text format and as OpenMetrics. Agents need no open port: what
their heartbeats carry is shown here. Units are base units: seconds, bytes, degrees Celsius.

Everything but the histograms is read from one snapshot a second, taken in one piece. So in every scrape
`bramble_frames_offered_total` equals `bramble_frames_open` plus the sum of `bramble_frames_ended_total`. The number
that other systems do not show is `bramble_camera_blind_seconds_total`: for how long nobody looked.

Label values come from the configuration and from fixed sets. A family that would have more than {most} series is cut
off there, and `bramble_series_omitted` says by how many. Histograms have the buckets {buckets} (seconds); scraped as
OpenMetrics, the buckets of `bramble_frame_seconds` carry the id of a frame that fell into them.

What to alert on is in [runbook.md](runbook.md). This page is written by `python -m controller.metrics.page`; a test
holds it to the code.
"""
_FOOT = """
## The process

`process_*` tells the controller's own processor time, memory and open files.
"""


def render() -> str:
    """Return the page."""
    head = _HEAD.format(most=MAX_SERIES, buckets=", ".join(f"{each:g}" for each in BUCKETS))
    parts = [head]
    for title, families in GROUPS.items():
        lines = [f"\n## {title}\n", "| metric | type | labels | meaning |", "|---|---|---|---|"]
        for family in families:
            labels = ", ".join(f"`{label}`" for label in family.labels)
            lines.append(f"| `{family.name}` | {family.kind} | {labels} | {family.text} |")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts) + _FOOT


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - its purpose
