"""A picture that compresses like a photograph, the same at every run."""

from __future__ import annotations

import numpy as np
import simplejpeg


def make_picture(width: int, height: int, *, quality: int = 88) -> bytes:
    """Return a JPEG of smooth shapes and some grain."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = np.random.default_rng(7).normal(0, 6, (height, width)).astype(np.float32)
    waves = [127 + 90 * np.sin(x / (23 + 9 * c)) * np.cos(y / (31 - 5 * c)) + grain for c in range(3)]
    pixels = np.clip(np.stack(waves, axis=-1), 0, 255).astype(np.uint8)
    jpeg: bytes = simplejpeg.encode_jpeg(pixels, quality=quality)
    return jpeg
