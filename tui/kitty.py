"""Pictures in Kitty's protocol, which others speak too (https://sw.kovidgoyal.net/kitty/graphics-protocol/)."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from tui.picture import Pixels

CHUNK = 4096
"""Bytes of base64 in one command, at most."""
COLOURS = 256


def draw_kitty(pixels: Pixels, x: int, y: int, columns: int, rows: int, *, number: int) -> str:
    """Return what shows a picture over so many cells from column ``x`` and row ``y``, counted from 0.

    The picture takes the place of the one that had the same ``number``, from 1.
    """
    image = Image.fromarray(pixels).quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    data = base64.b64encode(out.getvalue()).decode()
    chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    about = f"a=T,f=100,i={number},p=1,c={columns},r={rows},C=1,q=2,"
    commands = [
        f"\x1b_G{about if place == 0 else ''}m={int(place < len(chunks) - 1)};{chunk}\x1b\\"
        for place, chunk in enumerate(chunks)
    ]
    return f"\x1b7\x1b[{y + 1};{x + 1}H{''.join(commands)}\x1b8"


def erase_kitty(number: int) -> str:
    """Return what takes a picture away again."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def fit_pixels(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale a picture to so many pixels, but not up: the terminal does that for itself."""
    if pixels.shape[1] <= width and pixels.shape[0] <= height:
        return pixels
    image = Image.fromarray(pixels).resize((max(1, width), max(1, height)), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)
