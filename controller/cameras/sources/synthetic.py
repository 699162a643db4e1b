"""A camera that needs no camera: shapes that move over a gradient, and a frame counter a program can read."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from controller.cameras.framing import Opened
from controller.cameras.pictures import ArrayPicture
from controller.cameras.sources.feed import Shot
from controller.cameras.spec import ReaderSpec

_WIDTH, _HEIGHT, _FPS = 640, 360, 10.0
COUNTER_BITS = 16


def draw_background(width: int, height: int) -> npt.NDArray[np.uint8]:
    """A gradient of shape ``[height, width, 3]``."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:, :, 0] = np.linspace(40, 120, width, dtype=np.uint8)
    rgb[:, :, 1] = np.linspace(60, 140, height, dtype=np.uint8)[:, None]
    rgb[:, :, 2] = 90
    return rgb


def draw_frame(background: npt.NDArray[np.uint8], number: int, fps: float) -> npt.NDArray[np.uint8]:
    """Frame ``number``: a square crosses in 4 s, a disc goes round in 6 s, the counter stands at the top left.

    The counter is COUNTER_BITS cells of a width/32 each, white for 1, the highest bit first, so that a test can
    tell which frame it has even after JPEG compression.
    """
    rgb = background.copy()
    height, width = rgb.shape[:2]
    side = max(2, height // 5)
    seconds = number / fps
    left = round((width - side) * (seconds / 4 % 1.0))
    rgb[height // 2 : height // 2 + side, left : left + side] = (230, 60, 40)
    angle = 2 * np.pi * seconds / 6
    centre_x, centre_y = width / 2 + np.cos(angle) * width / 4, height / 2 + np.sin(angle) * height / 4
    rows, columns = np.ogrid[:height, :width]
    rgb[(columns - centre_x) ** 2 + (rows - centre_y) ** 2 < (side / 2) ** 2] = (50, 200, 90)
    cell = max(1, width // 32)
    for bit in range(COUNTER_BITS):
        level = 255 if number >> (COUNTER_BITS - 1 - bit) & 1 else 0
        rgb[: cell * 2, bit * cell : (bit + 1) * cell] = level
    return rgb


class SyntheticFeed:
    """Endless; draws only what the reader asks for."""

    def __init__(self, spec: ReaderSpec) -> None:
        source = spec.source
        self._fps = source.fps or _FPS
        self._background = draw_background(source.width or _WIDTH, source.height or _HEIGHT)
        height, width = self._background.shape[:2]
        self.opened = Opened("synthetic", width, height, self._fps)

    def shots(self) -> Iterator[Shot]:
        """One drawn frame after the other."""
        number = 0
        while True:
            frame = draw_frame(self._background, number, self._fps)
            yield Shot(time.time(), ArrayPicture(frame), number / self._fps)
            number += 1

    def close(self) -> None:
        """Nothing is held."""
