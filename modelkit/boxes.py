"""Boxes as (N, 4) arrays of x0, y0, x1, y1."""

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]


def overlap(box: npt.NDArray[np.float32], boxes: Boxes) -> npt.NDArray[np.float32]:
    """Intersection over union of one box (4,) with each of (N, 4); 0 where both are without area."""
    left_top = np.maximum(box[:2], boxes[:, :2])
    right_bottom = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(right_bottom - left_top, 0), axis=1)
    union = _area(box[None])[0] + _area(boxes) - shared
    ratio: npt.NDArray[np.float32] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def suppress(boxes: Boxes, scores: npt.NDArray[np.float32], *, iou: float, limit: int) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes to keep, best score first, at most `limit`.

    A box goes when it overlaps a better kept one by more than `iou`. Equal scores keep their order.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size and len(kept) < limit:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[overlap(boxes[best], boxes[rest]) <= iou]
    return np.array(kept, np.intp)


def _area(boxes: Boxes) -> npt.NDArray[np.float32]:
    area: npt.NDArray[np.float32] = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    return area
