"""Regions and grids, and putting parts together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkit.errors import InvalidTensorError
from modelkit.slicing import Tensor
from modelkit.tiling import Grid, Region, Span, merge

TENSOR = Tensor(3, "features", (1, 6, 5, 2), "int8", 60, stored=False, variable=False)
VALUES = np.arange(60, dtype=np.int8).reshape(TENSOR.shape)


@given(st.builds(Grid, st.integers(1, 9), st.integers(1, 9)), st.integers(1, 60), st.integers(1, 60))
def test_the_cells_of_a_grid_cover_every_position_once_and_differ_by_one_at_most(
    grid: Grid, height: int, width: int
) -> None:
    seen = np.zeros((height, width), int)
    cells = grid.cells(height, width)
    for rows, columns in cells:
        seen[rows.start : rows.end, columns.start : columns.end] += 1
    assert (seen == 1).all()
    assert len(cells) == grid.parts
    for axis in (0, 1):
        lengths = {cell[axis].length for cell in cells}
        assert max(lengths) - min(lengths) <= 1


@given(st.builds(Grid, st.integers(1, 6), st.integers(1, 5)), st.randoms())
def test_parts_go_together_in_any_order(grid: Grid, random: object) -> None:
    pieces = [(cell, cut(cell)) for cell in grid.cells(6, 5)]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    assert (merge(TENSOR, pieces) == VALUES).all()


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ([Region(Span(0, 3), Span(0, 5))], "cover 15 of 30"),
        ([Region(Span(0, 4), Span(0, 5)), Region(Span(3, 6), Span(0, 5))], "cover 35 of 30"),
        ([Region(Span(0, 3), Span(0, 5)), Region(Span(0, 3), Span(0, 5))], "cover 30 of 30"),
    ],
)
def test_parts_that_overlap_or_leave_something_out_are_refused(regions: list[Region], said: str) -> None:
    with pytest.raises(InvalidTensorError, match=said):
        merge(TENSOR, [(region, cut(region)) for region in regions])


def test_a_part_of_another_shape_or_type_is_refused() -> None:
    whole = Region(Span(0, 6), Span(0, 5))
    for values in (VALUES[:, :5], VALUES.astype(np.uint8)):
        with pytest.raises(InvalidTensorError, match=r"rows 0-6, columns 0-5 of tensor 3 \(features\) came as"):
            merge(TENSOR, [(whole, values)])


def cut(region: Region) -> np.ndarray:
    return VALUES[:, region.rows.start : region.rows.end, region.columns.start : region.columns.end]
