from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelkit.anchors import make_anchors
from modelkit.boxes import overlap, suppress
from modelkit.manifest import AnchorSpec

shares = st.floats(0, 1, width=32)


@st.composite
def scored_boxes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count = draw(st.integers(0, 30))
    corners = draw(arrays.arrays(np.float32, (count, 4), elements=shares))
    boxes = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], axis=1
    )
    return boxes, draw(arrays.arrays(np.float32, count, elements=shares))


def test_overlap_is_the_shared_part_of_the_union() -> None:
    box = np.float32([0, 0, 2, 2])
    others = np.float32([[0, 0, 2, 2], [1, 1, 3, 3], [2, 2, 3, 3], [0, 0, 0, 0]])
    assert [1.0, pytest.approx(1 / 7), 0.0, 0.0] == overlap(box, others).tolist()


def test_two_boxes_without_area_do_not_overlap() -> None:
    assert overlap(np.zeros(4, np.float32), np.zeros((1, 4), np.float32)).tolist() == [0.0]


def test_a_weaker_box_over_a_better_one_goes_and_one_apart_stays() -> None:
    boxes = np.float32([[0, 0, 1, 1], [0, 0, 1, 0.9], [0.5, 0, 1.5, 1], [2, 2, 3, 3]])
    assert suppress(boxes, np.float32([0.5, 0.8, 0.1, 0.9]), iou=0.5, limit=9).tolist() == [3, 1, 2]


@given(scored_boxes(), shares, st.integers(1, 10))
def test_kept_boxes_are_sorted_few_and_do_not_overlap(
    found: tuple[np.ndarray, np.ndarray], iou: float, limit: int
) -> None:
    boxes, scores = found
    kept = suppress(boxes, scores, iou=iou, limit=limit)
    assert len(kept) == len(set(kept.tolist())) <= limit
    assert np.all(np.diff(scores[kept]) <= 0)
    for place, index in enumerate(kept):
        assert np.all(overlap(boxes[index], boxes[kept[place + 1 :]]) <= iou)


@given(scored_boxes(), shares)
def test_every_box_that_goes_overlaps_a_kept_one_at_least_as_good(
    found: tuple[np.ndarray, np.ndarray], iou: float
) -> None:
    boxes, scores = found
    kept = suppress(boxes, scores, iou=iou, limit=1000)
    for index in set(range(len(boxes))) - set(kept.tolist()):
        over = overlap(boxes[index], boxes[kept]) > np.float32(iou)
        assert np.any(over & (scores[kept] >= scores[index]))


SSD_300 = AnchorSpec(
    grids=(19, 10, 5, 3, 2, 1),
    min_scale=0.2,
    max_scale=0.95,
    aspect_ratios=(1.0, 2.0, 0.5, 3.0, 0.3333),
    reduce_lowest=True,
)


def test_an_ssd_300_has_1917_anchors() -> None:
    assert make_anchors(SSD_300).shape == (1917, 4)


def test_the_finest_map_comes_first_with_three_boxes_a_cell() -> None:
    first = make_anchors(SSD_300)[:4]
    assert np.allclose(first[:3, :2], 0.5 / 19)
    assert np.allclose(first[:3, 2:], [[0.1, 0.1], [0.2 / 2**0.5, 0.2 * 2**0.5], [0.2 * 2**0.5, 0.2 / 2**0.5]])
    assert np.allclose(first[3, :2], [0.5 / 19, 1.5 / 19])


def test_the_last_anchor_is_between_the_last_scale_and_the_whole() -> None:
    assert np.allclose(make_anchors(SSD_300)[-1], [0.5, 0.5, 0.95**0.5, 0.95**0.5])


@given(
    st.builds(
        AnchorSpec,
        grids=st.lists(st.integers(1, 12), min_size=1, max_size=6).map(tuple),
        min_scale=st.floats(0.01, 0.5),
        max_scale=st.floats(0.5, 1),
        aspect_ratios=st.lists(st.floats(0.1, 10), min_size=1, max_size=5).map(tuple),
        reduce_lowest=st.booleans(),
        interpolated_ratio=st.sampled_from([0.0, 1.0]),
    )
)
def test_anchors_are_as_many_as_counted_with_centres_inside_and_the_area_of_their_scale(spec: AnchorSpec) -> None:
    anchors = make_anchors(spec)
    assert (spec.count, 4) == anchors.shape
    assert np.all((anchors[:, :2] > 0) & (anchors[:, :2] < 1))
    assert np.all(anchors[:, 2] * anchors[:, 3] <= 1 + 1e-5)


def test_shared_anchors_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make_anchors(SSD_300)[0] = 0
