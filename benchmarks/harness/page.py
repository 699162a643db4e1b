"""The last results as a part of a page: ``python -m benchmarks.harness.page out/bench docs/performance.md``.

Everything between the two marks of the page is written anew from the records, so that no figure is copied by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.frame_path.contender import CONTENDERS
from benchmarks.harness.bounds import judge

BEGIN = "<!-- results: made by benchmarks/harness/page.py, not by hand -->"
END = "<!-- end of results -->"

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]


def _number(field: str, digits: int = 2, factor: float = 1.0) -> Callable[[Row], str]:
    def show(row: Row) -> str:
        value = row[field]
        return "-" if value is None else f"{value * factor:.{digits}f}"

    return show


def _three(prefix: str) -> Callable[[Row], str]:
    def show(row: Row) -> str:
        values = [row[f"{prefix}_p{share}_ms"] for share in (50, 95, 99)]
        return "-" if None in values else "/".join(f"{value:.0f}" for value in values)

    return show


def _timed(show: Callable[[Row], str]) -> Callable[[Row], str]:
    """Show nothing where the machine was not at rest: latencies and rates of then would mislead."""
    return lambda row: show(row) if row["at_rest"] else "-"


_FRAME_PATH: tuple[Column, ...] = (
    ("", lambda row: CONTENDERS[row["contender"]].title),
    ("messaging CPU a frame, ms", _number("messaging_ms")),
    ("the job's, ms", _number("job_ms", 1)),
    ("messaging in % of it", _number("messaging_share", 0, 100)),
    ("added at one in flight, ms", _timed(_number("one_added_ms"))),
    ("outside the job at one, ms", _timed(_number("one_outside_ms"))),
    ("of two bare loops", _timed(_number("saturation"))),
    ("8 in flight, p50/95/99 ms", _timed(_three("full"))),
    ("half load, p50/95/99 ms", _timed(_three("half"))),
    ("start, s", _number("start_s", 1)),
    ("memory, MB", _number("memory_mb", 0)),
    ("idle, % of a core", _number("idle_cpu", 1, 100)),
    ("rounds", _number("rounds", 0)),
)
_KILLED: tuple[Column, ...] = (
    ("", lambda row: CONTENDERS[row["contender"]].title),
    ("failed", _number("kill_failed", 0)),
    ("done twice", _number("kill_repeated", 0)),
    ("worst frame, ms", _number("kill_worst_ms", 0)),
    ("a second worker after, s", _number("kill_back_s", 1)),
)
_UNEQUAL: tuple[Column, ...] = (
    ("", lambda row: row["policy"]),
    ("load", lambda row: f"{row['load']:.0%}"),
    ("p50, ms", _number("p50_ms", 0)),
    ("p95", _number("p95_ms", 0)),
    ("p99", _number("p99_ms", 0)),
    ("frames", _number("frames", 0)),
    ("failed", _number("failed", 0)),
)
_CAMERAS: tuple[Column, ...] = (
    ("cameras", lambda row: f"{row['setup']['cameras']} {row['setup']['kind']}"),
    ("a node's time, ms", lambda row: f"{row['setup']['node_s'] * 1e3:g}"),
    ("frames/s", _number("offered_s", 1)),
    ("answered/s", _number("answered_s", 1)),
    ("superseded", lambda row: f"{row['superseded']:.0%}"),
    ("to the result, p50/95/99 ms", lambda row: "{p50:.0f}/{p95:.0f}/{p99:.0f}".format_map(row["latency"])),
    ("CPU a frame, ms", _number("cpu_ms", 1)),
    ("streams a core", _number("streams", 1)),
)
_CONTROL: tuple[Column, ...] = (
    ("nodes", _number("nodes", 0)),
    ("controller", _number("controller", 1, 100)),
    ("broker", _number("broker", 1, 100)),
    ("controller, watched", _number("watched_controller", 1, 100)),
    ("dashboard", _number("dashboard", 1, 100)),
    ("idle agent", _number("agent", 1, 100)),
    ("scrape, ms", _number("scrape_ms", 1)),
    ("page, KB", _number("scrape_bytes", 0, 1e-3)),
)
_COLD: tuple[Column, ...] = (
    ("from nothing", lambda row: row["path"]),
    ("seconds", _number("median_s", 3)),
    ("least", _number("least_s", 3)),
    ("most", _number("most_s", 3)),
    ("in starts of Python", _number("pythons", 1)),
)
_SCALING: tuple[Column, ...] = (
    ("layout", lambda row: row["layout"]),
    ("frames/s", _number("measured_s", 2)),
    ("possible", _number("possible_s", 2)),
    ("share", lambda row: f"{row['share']:.0%}"),
    ("failed", _number("failed", 0)),
)
_TABLES: tuple[tuple[str, str, tuple[Column, ...]], ...] = (
    ("One frame's way", "frame_path", _FRAME_PATH),
    ("A worker killed with 8 frames in flight", "frame_path", _KILLED),
    ("Unequal nodes of 40, 60, 120 and 300 ms", "unequal_nodes", _UNEQUAL),
    ("Cameras of 720p at 10 frames a second", "cameras", _CAMERAS),
    ("Being watched, in % of one core", "control", _CONTROL),
    ("From nothing", "cold_paths", _COLD),
    ("Scaling, nodes with a part of a core each", "scaling", _SCALING),
)


def write_table(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [
        "| " + " | ".join(name for name, _ in columns) + " |",
        "| --- |" + " ---: |" * (len(columns) - 1),
        *("| " + " | ".join(show(row) for _, show in columns) + " |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def write_results(records: Mapping[str, Row]) -> str:
    """Return all that was measured and what must hold, as Markdown."""
    parts = []
    for title, name, columns in _TABLES:
        record = records.get(name)
        if record and not (columns is _KILLED and record["summary"][0]["kill_failed"] is None):
            machine = record["machine"]
            note = f"{machine['at']}, {machine['commit']}, load average at the end {machine['load_average']:.1f}."
            parts.append(f"### {title}\n\n{note}{_tell_rounds(record)}\n\n{write_table(columns, record['summary'])}")
    verdicts = judge({name: record["summary"] for name, record in records.items()})
    rows = [
        {
            "what": each.what,
            "measured": f"{each.measured:.3g} {each.unit}" if each.at_rest else "-",
            "bound": f"{'at most' if each.at_most else 'at least'} {each.bound:.3g} {each.unit}",
            "": each.word,
        }
        for each in verdicts
    ]
    columns = tuple((name, lambda row, name=name: row[name]) for name in ("what", "measured", "bound", ""))  # type: ignore[misc]  # bound at once
    parts.append(f"### What must hold\n\n{write_table(columns, rows)}")
    return "\n".join(parts)


def _tell_rounds(record: Row) -> str:
    if record["benchmark"] != "frame_path":
        return ""
    repeated, disturbed = (sum(row[field] for row in record["summary"]) for field in ("repeated", "disturbed"))
    return (
        f" {repeated} loads were repeated because the bare job drifted by more than a tenth,"
        f" and {disturbed} had no quiet try."
    )


def replace_results(page: str, results: str) -> str:
    """Return the page with other results between the marks.

    Raises:
        ValueError: it does not have the marks.

    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no part from {BEGIN} to {END}")
    return f"{before}{BEGIN}\n\n{results}\n{END}{after}"


def main(directory: str, page: str) -> None:
    """Write the page anew."""
    records = {path.stem: json.loads(path.read_bytes()) for path in sorted(Path(directory).glob("*.json"))}
    path = Path(page)
    path.write_text(replace_results(path.read_text("utf-8"), write_results(records)), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
