"""A camera's picture for a terminal: decoded with care, as old as it is, in half-blocks or in letters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from modelkit.errors import ModelkitError
from modelkit.picture import decode_picture

Pixels = npt.NDArray[np.uint8]
"""(height, width, 3) RGB."""

RAMP = " .:-=+*#%@"
"""Dark to light, for terminals without colour."""
_CELL = 2  # a terminal's cell is about twice as high as wide
_DIMMED = 0.4


class PictureError(Exception):
    """What the cluster sent as a picture cannot be shown."""


def open_picture(jpeg: bytes, *, min_width: int = 640) -> Pixels:
    """Decode a picture, no finer than needed for that width.

    Raises:
        PictureError: it is not a whole picture, or too large.

    """
    try:
        return decode_picture(jpeg, min_width=min_width)
    except ModelkitError as error:
        raise PictureError(f"the picture cannot be shown: {error}") from error


def fit_cells(pixels: Pixels, width: int, height: int) -> tuple[int, int]:
    """Return the columns and rows of cells that a picture takes of those given, its shape kept."""
    rows, columns = pixels.shape[:2]
    scale = min(width / columns, height * _CELL / rows)
    return max(1, min(width, round(columns * scale))), max(1, min(height, round(rows * scale / _CELL)))


def scale_half_blocks(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale to two pixels a cell, one above the other: (2 x height, width, 3)."""
    return _scale(pixels, width, height * 2)


def render_letters(pixels: Pixels, width: int, height: int) -> tuple[str, ...]:
    """Return the picture's brightness as lines of letters."""
    luma = _scale(pixels, width, height).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    steps = np.clip(luma / 256 * len(RAMP), 0, len(RAMP) - 1).astype(int)
    return tuple("".join(RAMP[step] for step in line) for line in steps)


def dim(pixels: Pixels) -> Pixels:
    """Return a picture at less than half its brightness."""
    return (pixels * _DIMMED).astype(np.uint8)


def _scale(pixels: Pixels, width: int, height: int) -> Pixels:
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)
    return np.asarray(image, np.uint8)
