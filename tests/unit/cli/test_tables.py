from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.output import printable
from cli.tables import Table, align, format_bytes, format_ms, format_seconds, join_counts, print_table

TABLE = Table(("NODE", "STATE"), (("node-1", "live"), ("n2", "dead")))


def test_plain_lines_are_aligned_and_end_without_spaces() -> None:
    assert align(TABLE) == ["NODE    STATE", "node-1  live", "n2      dead"]


def test_a_table_is_plain_where_the_output_is_no_terminal() -> None:
    file = io.StringIO()
    print_table(TABLE, console=Console(file=file, force_terminal=False, width=10))
    assert file.getvalue() == "NODE    STATE\nnode-1  live\nn2      dead\n"


def test_a_table_has_colours_on_a_terminal() -> None:
    file = io.StringIO()
    print_table(TABLE, console=Console(file=file, force_terminal=True, color_system="standard", no_color=False))
    assert "\x1b[32mlive" in file.getvalue()


def test_markup_in_a_cell_is_text_and_not_obeyed() -> None:
    file = io.StringIO()
    print_table(Table(("A",), (("[bold]x[/bold]",),)), console=Console(file=file, force_terminal=True))
    assert "[bold]x[/bold]" in file.getvalue()


@given(st.text())
def test_no_text_from_the_network_can_steer_the_terminal(text: str) -> None:
    shown = printable(text)
    assert len(text) == len(shown)
    assert all(c == "\n" or c.isprintable() for c in shown)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_a_row_stays_one_line_whatever_is_in_it(rows: list[tuple[str, str]]) -> None:
    assert len(rows) + 1 == len(align(Table(("A", "B"), tuple(rows))))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "-"), (0.123, "0.123 ms"), (8.14, "8.14 ms"), (99.94, "99.9 ms"), (1234.5, "1234 ms")],
)
def test_milliseconds_have_three_digits_and_zero_is_not_yet_measured(value: float | None, text: str) -> None:
    assert text == format_ms(value)


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 01 s"), (7380, "2 h 03 min")]
)
def test_a_duration_is_coarser_the_longer_it_is(value: float, text: str) -> None:
    assert text == format_seconds(value)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes_are_told_in_binary_units(value: int, text: str) -> None:
    assert text == format_bytes(value)


def test_no_counts_are_a_dash() -> None:
    assert join_counts([]) == "-"
