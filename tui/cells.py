"""A row as runs of text: as few as there are styles, because every run costs time at every frame."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from tui.columns import Column

Run = tuple[str, bool]
"""Text, and whether it takes the row's own colour."""

COLOURED = frozenset({"mark", "state", "kind"})


def fit_cell(text: str, width: int, *, right: bool = False) -> str:
    """Cut or pad a text to a width in terminal columns; what is cut ends in ``…``."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"[:width]
    pad = " " * (width - length)
    return pad + text if right else text + pad


def lay_out(columns: Sequence[Column], fitted: Sequence[tuple[int, int]], cells: Sequence[str]) -> tuple[Run, ...]:
    """Lay out the cells of a row.

    Args:
        columns: of the table.
        fitted: index and width of those that are shown; see ``tui.columns.fit_columns``.
        cells: one a column.

    """
    runs: list[Run] = []
    text = ""
    for index, width in fitted:
        column = columns[index]
        cell = fit_cell(cells[index], width, right=column.right)
        if column.key in COLOURED:
            runs += [(text + " ", False), (cell, True)]
            text = " "
        else:
            text += f" {cell} "
    return tuple(run for run in (*runs, (text, False)) if run[0])
