"""SSD default boxes (Liu et al. 2016, "SSD: Single Shot MultiBox Detector", section 2.2).

The details that the paper leaves open follow the TensorFlow Object Detection API's multiple-grid generator, whose
detectors are the ones met in practice.
"""

import functools
import math

import numpy as np
import numpy.typing as npt

from modelkit.manifest import AnchorSpec

_LOWEST_SCALE = 0.1  # of the first of the three boxes on a reduced finest map


@functools.lru_cache(maxsize=4)
def make_anchors(spec: AnchorSpec) -> npt.NDArray[np.float32]:
    """All default boxes, finest map first, row by row: (N, 4) as centre y, centre x, height, width.

    Unit: shares of the input's sides. The array is shared between callers and not writable.
    """
    anchors = np.concatenate(
        [_on_grid(cells, _shapes(spec, layer)) for layer, cells in enumerate(spec.grids)], dtype=np.float32
    )
    anchors.flags.writeable = False
    return anchors


def _shapes(spec: AnchorSpec, layer: int) -> list[tuple[float, float]]:
    """Height and width of each box of a cell."""
    scale, following = _scale(spec, layer), _scale(spec, layer + 1)
    if layer == 0 and spec.reduce_lowest:
        pairs = [(_LOWEST_SCALE, 1.0), (scale, 2.0), (scale, 0.5)]
    else:
        pairs = [(scale, ratio) for ratio in spec.aspect_ratios]
        if spec.interpolated_ratio > 0:
            pairs.append((math.sqrt(scale * following), spec.interpolated_ratio))
    return [(size / math.sqrt(ratio), size * math.sqrt(ratio)) for size, ratio in pairs]


def _scale(spec: AnchorSpec, layer: int) -> float:
    layers = len(spec.grids)
    if layer == layers:
        return 1.0
    if layers == 1:
        return spec.min_scale
    return spec.min_scale + (spec.max_scale - spec.min_scale) * layer / (layers - 1)


def _on_grid(cells: int, shapes: list[tuple[float, float]]) -> npt.NDArray[np.float64]:
    centres = (np.arange(cells) + 0.5) / cells
    anchors = np.empty((cells, cells, len(shapes), 4))
    anchors[..., 0] = centres[:, None, None]
    anchors[..., 1] = centres[None, :, None]
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4)
