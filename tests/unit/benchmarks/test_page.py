from __future__ import annotations

import pytest

from benchmarks.harness.page import BEGIN, END, replace_results, write_results

MACHINE = {"at": "2026-11-21T10:00:00+00:00", "commit": "abc", "load_average": 0.5}
ROW = {"policy": "bramble", "load": 0.28, "p50_ms": 57.0, "p95_ms": 123.0, "p99_ms": 277.0, "frames": 9, "failed": 0}


def test_results_are_tables_and_what_must_hold() -> None:
    found = write_results({"unequal_nodes": {"benchmark": "unequal_nodes", "machine": MACHINE, "summary": [ROW]}})
    assert "| bramble | 28% | 57 | 123 | 277 | 9 | 0 |" in found
    assert "| unequal nodes at 28%: p99 | 277 ms | at most 280 ms | holds |" in found


def test_only_what_is_between_the_marks_is_written_anew() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replace_results(page, "new\n")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_results(once, "new\n") == once


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no part"):
        replace_results("a page", "new")
