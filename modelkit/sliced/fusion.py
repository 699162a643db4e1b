"""One answer out of those of several tiles.

Two tiles found the same thing where their boxes agree *in the part of the picture that both saw*. So halves of a thing
that two tiles cut apart are recognised by the strip in which the tiles overlap, while a small thing inside a large
one, which agree nowhere, stay two. Within one tile the model's own suppression has decided already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelkit.answers import Detection
from modelkit.sliced.layout import Box

AGREEMENT = 0.5
"""The least intersection over union, in the part that both tiles saw, of two boxes that are one thing."""

_EDGE = 0.01  # of a tile's side: a box that ends so near to an inner edge of its tile may go on beyond it

_Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in one tile; boxes are shares of the whole picture."""

    tile: Box
    detections: tuple[Detection, ...]


def fuse(looks: Sequence[Look], width: int, height: int) -> tuple[Detection, ...]:
    """Make one answer for a picture of `width` x `height` pixels, best score first.

    Each thing gets the best score, and the box of the best look that saw all of it; where none did, the hull of what
    was seen. Never more boxes than went in; one tile's boxes are never joined with each other.
    """
    views = np.array([look.tile for look in looks], np.float64).reshape(-1, 4) / (width, height, width, height)
    found = [(place, each) for place, look in enumerate(looks) for each in look.detections]
    fused: list[Detection] = []
    for index in sorted({each.index for _, each in found}):
        same = [(place, each) for place, each in found if each.index == index]
        fused += _fuse_class(same, views)
    return tuple(sorted(fused, key=lambda each: (-each.score, each.index, each.box)))


def _fuse_class(found: Sequence[tuple[int, Detection]], views: _Boxes) -> list[Detection]:
    tiles = np.array([place for place, _ in found])
    boxes = np.array([each.box for _, each in found], np.float64)
    groups = _group(tiles, _measure_agreement(boxes, views[tiles]))
    cut = _find_cut(boxes, views[tiles])
    return [_join([found[member][1] for member in group], cut[group]) for group in groups]


def _measure_agreement(boxes: _Boxes, views: _Boxes) -> _Boxes:
    """For each pair of boxes, the intersection over union of what lies in both of their views."""
    shared = _intersect(views[:, None], views[None])
    first, second = _intersect(boxes[:, None], shared), _intersect(boxes[None], shared)
    both = _area(_intersect(first, second))
    union = _area(first) + _area(second) - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def _group(tiles: npt.NDArray[np.intp], agreement: _Boxes) -> list[list[int]]:
    """Join the pairs that agree, best first, as long as no tile is twice in a group."""
    first, second = np.nonzero(np.triu(agreement >= AGREEMENT, 1) & (tiles[:, None] != tiles[None]))
    order = np.argsort(-agreement[first, second], kind="stable")
    groups = {member: [member] for member in range(len(tiles))}
    for one, other in zip(first[order].tolist(), second[order].tolist(), strict=True):
        left, right = groups[one], groups[other]
        if left is not right and not {int(tiles[m]) for m in left} & {int(tiles[m]) for m in right}:
            left += right
            groups |= dict.fromkeys(right, left)
    return list({id(group): group for group in groups.values()}.values())


def _find_cut(boxes: _Boxes, views: _Boxes) -> npt.NDArray[np.bool_]:
    """Whether a box reaches an edge of its tile that is not one of the picture."""
    margin = _EDGE * np.tile(views[:, 2:] - views[:, :2], 2)
    inner = np.concatenate([views[:, :2] > 0, views[:, 2:] < 1], axis=1)
    near = np.concatenate([boxes[:, :2] <= (views + margin)[:, :2], boxes[:, 2:] >= (views - margin)[:, 2:]], axis=1)
    reaches: npt.NDArray[np.bool_] = (inner & near).any(axis=1)
    return reaches


def _join(members: Sequence[Detection], cut: npt.NDArray[np.bool_]) -> Detection:
    best = max(members, key=lambda each: (each.score, each.box))
    seen_whole = [each for each, is_cut in zip(members, cut.tolist(), strict=True) if not is_cut]
    if seen_whole:
        box = max(seen_whole, key=lambda each: (each.score, each.box)).box
    else:
        corners = np.array([each.box for each in members])
        (x0, y0), (x1, y1) = corners[:, :2].min(axis=0).tolist(), corners[:, 2:].max(axis=0).tolist()
        box = (x0, y0, x1, y1)
    return Detection(best.label, best.index, best.score, box)


def _intersect(one: _Boxes, other: _Boxes) -> _Boxes:
    """The common parts; where there is none, a box without area."""
    start = np.maximum(one[..., :2], other[..., :2])
    return np.concatenate([start, np.maximum(start, np.minimum(one[..., 2:], other[..., 2:]))], axis=-1)


def _area(boxes: _Boxes) -> _Boxes:
    area: _Boxes = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return area
