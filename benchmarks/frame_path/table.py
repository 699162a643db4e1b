"""The summaries for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.frame_path.contender import CONTENDERS
from benchmarks.frame_path.summary import Summary

_COLUMNS: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("messaging CPU, ms", lambda each: f"{each.messaging_ms:.2f}"),
    ("of the job's", lambda each: f"{each.messaging_share:.0%}"),
    ("idle, % of a core", lambda each: f"{each.idle_cpu * 100:.1f}"),
    ("added at one, ms", lambda each: f"{each.one_added_ms:.2f}"),
    ("outside the job", lambda each: f"{each.one_outside_ms:.2f}"),
    ("p99/p50 at one", lambda each: f"{each.one_p99_over_p50:.2f}"),
    ("of two bare loops", lambda each: f"{each.saturation:.3f}"),
    ("8 in flight p50/95/99", lambda each: f"{each.full_p50_ms:.0f}/{each.full_p95_ms:.0f}/{each.full_p99_ms:.0f}"),
    ("start, s", lambda each: f"{each.start_s:.1f}"),
    ("memory, MB", lambda each: f"{each.memory_mb:.0f}"),
    ("failed", lambda each: f"{each.failed}"),
    ("rounds", lambda each: f"{each.rounds}"),
    ("repeated/disturbed", lambda each: f"{each.repeated}/{each.disturbed}"),
)
_FULL: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    (
        "half load p50/95/99",
        lambda each: f"{each.half_p50_ms or 0:.0f}/{each.half_p95_ms or 0:.0f}/{each.half_p99_ms or 0:.0f}",
    ),
    ("kill -9: failed", lambda each: f"{each.kill_failed}"),
    ("done twice", lambda each: f"{each.kill_repeated}"),
    ("worst, ms", lambda each: f"{each.kill_worst_ms or 0:.0f}"),
    ("worker back, s", lambda each: f"{each.kill_back_s or 0:.1f}"),
)


def print_summaries(summaries: Sequence[Summary]) -> None:
    """Print one row a contender, and a second table where the full set was measured."""
    _print("One frame's way: medians of the rounds", _COLUMNS, summaries)
    if any(each.kill_failed is not None for each in summaries):
        _print("Half load, and a worker killed", _FULL, summaries)


def _print(title: str, columns: Sequence[tuple[str, Callable[[Summary], str]]], summaries: Sequence[Summary]) -> None:
    table = Table(title=title)
    table.add_column("contender")
    for name, _ in columns:
        table.add_column(name, justify="right")
    for each in summaries:
        table.add_row(CONTENDERS[each.contender].title, *(show(each) for _, show in columns))
    Console(width=None if Console().is_terminal else 200).print(table)
