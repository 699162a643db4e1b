"""What several tiles found becomes one answer: each thing once, with its own box."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkit.answers import Detection
from modelkit.sliced import Box, Look, cut_picture, fuse

WIDTH, HEIGHT = 1200, 800
WHOLE = Box(0, 0, WIDTH, HEIGHT)
_CELL = 100  # things lie in cells of their own


def see(tile: Box, thing: Box, score: float, index: int = 0, *, least: int = 4) -> Detection | None:
    """What a detector without fault finds of a thing in a tile; slivers it overlooks."""
    x0, y0 = max(tile.x0, thing.x0), max(tile.y0, thing.y0)
    x1, y1 = min(tile.x1, thing.x1), min(tile.y1, thing.y1)
    if x1 - x0 < least or y1 - y0 < least:
        return None
    return Detection(f"kind {index}", index, score, (x0 / WIDTH, y0 / HEIGHT, x1 / WIDTH, y1 / HEIGHT))


def look(tiles: list[Box], things: list[tuple[Box, int]], *, least: int = 4) -> list[Look]:
    """Every tile sees its part of each thing, with a score of its own."""
    chance = random.Random(len(things))  # noqa: S311 - a test's own choice
    return [
        Look(
            tile,
            tuple(
                found
                for thing, index in things
                if (found := see(tile, thing, chance.uniform(0.3, 0.99), index, least=least))
            ),
        )
        for tile in tiles
    ]


def share(box: Box) -> tuple[float, float, float, float]:
    return (box.x0 / WIDTH, box.y0 / HEIGHT, box.x1 / WIDTH, box.y1 / HEIGHT)


@st.composite
def things(draw: st.DrawFn) -> list[tuple[Box, int]]:
    """Things of any size from 8 pixels to a whole cell of 100, none over another."""
    cells = draw(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 7)), unique=True, max_size=12))
    found = []
    for column, row in cells:
        left, top = draw(st.integers(0, 40)), draw(st.integers(0, 40))
        right, bottom = draw(st.integers(left + 8, _CELL)), draw(st.integers(top + 8, _CELL))
        x, y = column * _CELL, row * _CELL
        found.append((Box(x + left, y + top, x + right, y + bottom), draw(st.integers(0, 2))))
    return found


tilings = st.builds(
    lambda columns, rows, overlap: list(cut_picture(WIDTH, HEIGHT, columns=columns, rows=rows, overlap=overlap)),
    st.integers(1, 4),
    st.integers(1, 3),
    st.floats(0.2, 0.6),
)


@given(things(), tilings)
def test_with_the_whole_picture_every_thing_is_found_once_with_its_own_box(
    things: list[tuple[Box, int]], tiles: list[Box]
) -> None:
    fused = fuse(look([WHOLE, *tiles], things), WIDTH, HEIGHT)
    assert sorted((each.index, each.box) for each in fused) == sorted((index, share(box)) for box, index in things)


@given(things(), tilings)
def test_things_that_tiles_cut_apart_are_put_together(things: list[tuple[Box, int]], tiles: list[Box]) -> None:
    fused = fuse(look(tiles, things, least=1), WIDTH, HEIGHT)
    assert sorted((each.index, each.box) for each in fused) == sorted((index, share(box)) for box, index in things)


boxes = st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 60), st.integers(1, 60)).map(
    lambda each: (
        each[0] / 100,
        each[1] / 100,
        min(1.0, (each[0] + each[2]) / 100),
        min(1.0, (each[1] + each[3]) / 100),
    )
)
detections = st.builds(
    lambda index, score, box: Detection("kind", index, score / 1000, box),
    st.integers(0, 2),
    st.integers(1, 1000),
    boxes,
)
looks = st.lists(
    st.builds(Look, st.sampled_from([WHOLE, *cut_picture(WIDTH, HEIGHT, columns=3, rows=2, overlap=0.3)]),
              st.lists(detections, max_size=6).map(tuple)),
    max_size=6,
)  # fmt: skip


@given(looks)
def test_whatever_was_found_scores_and_classes_are_the_best_of_those_that_came(found: list[Look]) -> None:
    came = [each for look in found for each in look.detections]
    fused = fuse(found, WIDTH, HEIGHT)
    assert len(fused) <= len(came)
    assert {(each.index, each.score) for each in fused} <= {(each.index, each.score) for each in came}
    assert [each.score for each in fused] == sorted((each.score for each in fused), reverse=True)
    for index in {each.index for each in came}:
        assert max(e.score for e in fused if e.index == index) == max(e.score for e in came if e.index == index)
    most = max((sum(e.index == index for e in look.detections) for look in found for index in range(3)), default=0)
    assert most <= len(fused)


@given(looks)
def test_every_box_lies_within_the_hull_of_its_class(found: list[Look]) -> None:
    for each in fuse(found, WIDTH, HEIGHT):
        same = [e.box for look in found for e in look.detections if e.index == each.index]
        assert all(each.box[side] >= min(box[side] for box in same) for side in (0, 1))
        assert all(each.box[side] <= max(box[side] for box in same) for side in (2, 3))


@given(st.lists(detections, max_size=20))
def test_one_tile_alone_is_left_as_it_is(found: list[Detection]) -> None:
    fused = fuse([Look(WHOLE, tuple(found))], WIDTH, HEIGHT)
    assert sorted(fused, key=repr) == sorted(found, key=repr)


def test_a_small_thing_inside_a_large_one_stays_a_thing_of_its_own() -> None:
    left = cut_picture(WIDTH, HEIGHT, columns=2, rows=1, overlap=0.2)[0]
    crowd = Detection("person", 1, 0.6, (0.0, 0.0, 1.0, 1.0))
    person = Detection("person", 1, 0.9, (0.1, 0.1, 0.2, 0.4))
    assert fuse([Look(WHOLE, (crowd,)), Look(left, (person,))], WIDTH, HEIGHT) == (person, crowd)


def test_nothing_found_is_nothing() -> None:
    assert fuse([], WIDTH, HEIGHT) == ()
    assert fuse([Look(WHOLE, ())], WIDTH, HEIGHT) == ()


@pytest.mark.parametrize("index", [0, 1])
def test_boxes_of_other_classes_never_join(index: int) -> None:
    box = (0.1, 0.1, 0.2, 0.4)
    left = cut_picture(WIDTH, HEIGHT, columns=2, rows=1, overlap=0.2)[0]
    fused = fuse(
        [Look(WHOLE, (Detection("a", 0, 0.9, box),)), Look(left, (Detection("b", index, 0.8, box),))], WIDTH, HEIGHT
    )
    assert len(fused) == 1 + index
