"""Pictures as sixels: the DEC VT340's graphics, six pixels of one colour a character (EK-VT3XX-TP-001, chapter 14)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from tui.picture import Pixels

BAND = 6  # pixels that stand above one another in a sixel
COLOURS = 64
MAX_SIDE = 4096

_BITS = np.array([[1 << place] for place in range(BAND)], np.uint8)


def draw_sixel(pixels: Pixels, x: int, y: int, width: int, height: int) -> str:
    """Return what shows a picture in so many pixels of the screen, from the cell in column ``x`` and row ``y``.

    Columns and rows are counted from 0.
    """
    return f"\x1b7\x1b[{y + 1};{x + 1}H{encode_sixel(pixels, width, height)}\x1b8"


def encode_sixel(pixels: Pixels, width: int, height: int) -> str:
    """Return a picture, scaled, as sixels in :data:`COLOURS` colours at most."""
    size = (max(1, min(width, MAX_SIDE)), max(1, min(height, MAX_SIDE)))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    reduced = image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = reduced.getpalette() or []
    colours = [palette[start : start + 3] for start in range(0, len(palette), 3)]
    register = "".join(
        f"#{number};2;" + ";".join(f"{(level * 100 + 127) // 255}" for level in colour)
        for number, colour in enumerate(colours)
    )
    places = np.asarray(reduced, np.uint8)
    bands = "-".join(_encode_band(places[top : top + BAND]) for top in range(0, size[1], BAND))
    return f'\x1bP0;1q"1;1;{size[0]};{size[1]}{register}{bands}\x1b\\'


def _encode_band(band: npt.NDArray[np.uint8]) -> str:
    """Return up to six lines: for each colour in them where it is."""
    lines = []
    for colour in np.unique(band).tolist():
        sixels = ((band == colour) * _BITS[: len(band)]).sum(axis=0, dtype=np.uint8)
        lines.append(f"#{colour}{_encode_runs(sixels)}")
    return "$".join(lines)


def _encode_runs(sixels: npt.NDArray[np.uint8]) -> str:
    """Return a line in which what repeats is counted."""
    starts = np.concatenate(([0], np.flatnonzero(np.diff(sixels)) + 1))
    lengths = np.diff(np.concatenate((starts, [len(sixels)])))
    return "".join(
        f"!{length}{chr(63 + value)}" if length > 3 else chr(63 + value) * length  # noqa: PLR2004 - shorter uncounted
        for value, length in zip(sixels[starts].tolist(), lengths.tolist(), strict=True)
    )
