"""Reading the two kinds of detector output that are met in practice."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelkit.anchors import make_anchors
from modelkit.answers import Detection
from modelkit.boxes import Boxes, suppress
from modelkit.errors import InvalidTensorError
from modelkit.manifest import DetectSpec
from modelkit.preprocess import Placement

Floats = npt.NDArray[np.float32]

_MAX_EXPONENT = 10.0  # a box 22000 times its anchor; with the next: finite numbers whatever the model says
_MAX_OFFSET = 1e6
_POSTPROCESSED_OUTPUTS = 4
# Boxes, classes, scores, count: as the TFLite converter of TensorFlow 1 orders them, and as that of TensorFlow 2 does.
_ORDERS = {0: (0, 1, 2, 3), 1: (1, 3, 0, 2)}


def read_ssd(
    tensors: Sequence[Floats], spec: DetectSpec, labels: Sequence[str], placement: Placement, *, threshold: float
) -> tuple[Detection, ...]:
    """Decode raw SSD boxes (N, 4) and scores (N, C), drop what is weak or overlaps a better box of its class."""
    if spec.anchors is None:
        raise InvalidTensorError("raw SSD outputs need anchors", remedy="give the manifest a [detect.anchors] table")
    anchors = make_anchors(spec.anchors)
    offsets, scores = _split_ssd(tensors, len(anchors), len(labels))
    if spec.activation == "sigmoid":
        scores = (0.5 * (np.tanh(0.5 * scores) + 1)).astype(np.float32)  # the logistic function, without overflow
    if spec.background:
        scores = scores.copy()
        scores[:, 0] = -1
    rows, classes = np.nonzero(scores >= max(threshold, 0.0))
    boxes = placement.to_picture(_decode(offsets[rows], anchors[rows], spec.box_scales))
    seen = _has_area(boxes)
    boxes, classes, found = boxes[seen], classes[seen], scores[rows, classes][seen]
    # Boxes of different classes never compete: moved far apart, one pass suppresses all classes.
    apart = boxes + (classes * 2).astype(np.float32)[:, None]
    kept = suppress(apart, found, iou=spec.nms_iou, limit=spec.max_detections)
    return _detections(boxes[kept], classes[kept], found[kept], labels)


def read_postprocessed(
    tensors: Sequence[Floats], spec: DetectSpec, labels: Sequence[str], placement: Placement, *, threshold: float
) -> tuple[Detection, ...]:
    """Read what TFLite_Detection_PostProcess puts out: boxes as y0, x0, y1, x1, classes, scores and their count."""
    order = next((places for at, places in _ORDERS.items() if _is_boxes(tensors, at)), None)
    if order is None:
        raise InvalidTensorError(
            f"a postprocessed detector put out shapes {[tensor.shape for tensor in tensors]}",
            remedy="expected boxes (1, N, 4), classes (1, N), scores (1, N) and a count",
        )
    boxes, classes, scores, count = (tensors[place] for place in order)
    boxes, classes, scores = boxes.reshape(-1, 4), classes.reshape(-1), scores.reshape(-1)
    if not (len(boxes) == classes.size == scores.size and count.size == 1):
        raise InvalidTensorError(
            f"{len(boxes)} boxes came with {classes.size} classes, {scores.size} scores and {count.size} counts",
            remedy="check that the model ends in TFLite_Detection_PostProcess",
        )
    indices = np.rint(classes.clip(-2, len(labels))).astype(np.int64) + spec.class_offset
    boxes = placement.to_picture(boxes[:, [1, 0, 3, 2]])
    keep = (np.arange(len(boxes)) < count.item()) & (scores >= threshold) & _has_area(boxes)
    if ((indices[keep] < 0) | (indices[keep] >= len(labels))).any():
        raise InvalidTensorError(
            f"the model found classes {sorted(set(classes[keep].tolist()))}, there are {len(labels)} labels",
            remedy="give the labels that the model was trained with, one a class",
        )
    # The operator's own order is best first; a stable sort only makes sure of it.
    chosen = np.flatnonzero(keep)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")][: spec.max_detections]
    return _detections(boxes[chosen], indices[chosen], scores[chosen], labels)


def _split_ssd(tensors: Sequence[Floats], anchors: int, classes: int) -> tuple[Floats, Floats]:
    """Tell boxes from scores by shape; with four classes the boxes come first."""
    wanted = (anchors * 4, anchors * classes)
    sizes = tuple(tensor.size for tensor in tensors)
    if sizes == wanted:
        offsets, scores = tensors
    elif sizes == wanted[::-1]:
        scores, offsets = tensors
    else:
        raise InvalidTensorError(
            f"an SSD of {anchors} anchors and {classes} labels put out shapes {[tensor.shape for tensor in tensors]}",
            remedy="check the labels and the [detect.anchors] table of the manifest",
        )
    return offsets.reshape(anchors, 4), scores.reshape(anchors, classes)


def _decode(offsets: Floats, anchors: Floats, scales: tuple[float, float, float, float]) -> Boxes:
    """Offsets y, x, h, w relative to anchors become x0, y0, x1, y1 (Liu et al. 2016, equation 2, inverted)."""
    scaled = offsets.clip(-_MAX_OFFSET, _MAX_OFFSET) / np.array(scales, np.float32)
    centres = scaled[:, :2] * anchors[:, 2:] + anchors[:, :2]
    halves = np.exp(np.minimum(scaled[:, 2:], _MAX_EXPONENT)) * anchors[:, 2:] / 2
    return np.concatenate([(centres - halves)[:, ::-1], (centres + halves)[:, ::-1]], axis=1, dtype=np.float32)


def _has_area(boxes: Boxes) -> npt.NDArray[np.bool_]:
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def _is_boxes(tensors: Sequence[Floats], at: int) -> bool:
    return len(tensors) == _POSTPROCESSED_OUTPUTS and tensors[at].ndim > 1 and tensors[at].shape[-1] == 4  # noqa: PLR2004


def _detections(
    boxes: Boxes, classes: npt.NDArray[np.integer], scores: Floats, labels: Sequence[str]
) -> tuple[Detection, ...]:
    rows = zip(boxes.tolist(), classes.tolist(), scores.tolist(), strict=True)
    return tuple(
        Detection(labels[index], index, min(1.0, max(0.0, score)), (box[0], box[1], box[2], box[3]))
        for box, index, score in rows
    )
