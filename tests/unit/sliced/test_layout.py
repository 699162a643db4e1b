"""Tiles cover the picture and overlap as much as was asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkit.sliced import Box, cut_picture

sides = st.integers(1, 5000)
counts = st.integers(1, 12)


@given(sides, sides, counts, counts, st.floats(0, 0.9))
def test_tiles_are_of_one_size_cover_every_pixel_and_share_at_least_the_overlap(
    width: int, height: int, columns: int, rows: int, overlap: float
) -> None:
    tiles = cut_picture(width, height, columns=columns, rows=rows, overlap=overlap)
    assert len({(tile.width, tile.height) for tile in tiles}) == 1
    across = sorted({(tile.x0, tile.x1) for tile in tiles})
    down = sorted({(tile.y0, tile.y1) for tile in tiles})
    assert {(x, y) for y in down for x in across} == {((t.x0, t.x1), (t.y0, t.y1)) for t in tiles}
    for spans, length in ((across, width), (down, height)):
        assert (spans[0][0], spans[-1][1]) == (0, length)
        for (_, end), (start, _) in pairwise(spans):
            assert end - start >= overlap * (spans[0][1] - spans[0][0]) - 1


def test_two_by_two_with_a_fifth_of_overlap() -> None:
    assert cut_picture(1920, 1080, columns=2, rows=2, overlap=0.2) == (
        Box(0, 0, 1067, 600), Box(853, 0, 1920, 600), Box(0, 480, 1067, 1080), Box(853, 480, 1920, 1080),
    )  # fmt: skip


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (1, 4), (3, 1)])
def test_one_column_or_row_is_the_whole_side(columns: int, rows: int) -> None:
    tiles = cut_picture(640, 480, columns=columns, rows=rows, overlap=0.3)
    assert len(tiles) == columns * rows
    assert {(tile.x0, tile.x1) for tile in tiles} == {(0, 640)} or columns > 1
    assert {(tile.y0, tile.y1) for tile in tiles} == {(0, 480)} or rows > 1


def test_a_picture_with_fewer_pixels_than_tiles_gets_one_a_pixel() -> None:
    assert len(cut_picture(2, 9, columns=5, rows=3, overlap=0)) == 2 * 3
