"""One tile out of a picture file, decoded no larger than a model needs it."""

from __future__ import annotations

from typing import NamedTuple

from modelkit.errors import BadImageError
from modelkit.manifest import InputSpec
from modelkit.picture import PictureInfo, Pixels, decode_picture, read_picture_info
from modelkit.preprocess import Placement, decode_bounds, place
from modelkit.sliced.layout import Box


class TilePixels(NamedTuple):
    """A tile as pixels."""

    pixels: Pixels  # (height, width, 3) RGB, a view into the decoded picture
    placement: Placement  # where the model's input lies in the whole picture
    info: PictureInfo  # of the whole picture


def decode_tile(data: bytes | memoryview, tile: Box, spec: InputSpec) -> TilePixels:
    """Decode a picture at the least scale at which `tile` fills the input of `spec`, and cut the tile out.

    Raises BadImageError where the tile is not inside the picture, and as `decode_picture` does.
    """
    info = read_picture_info(data)
    if not (0 <= tile.x0 < tile.x1 <= info.width and 0 <= tile.y0 < tile.y1 <= info.height):
        raise BadImageError(
            f"the tile {','.join(map(str, tile))} is not inside a picture of {info.width}x{info.height}",
            remedy="give a tile in the pixels of the picture that is sent",
        )
    least = decode_bounds(PictureInfo(info.format, tile.width, tile.height), spec)
    pixels = decode_picture(
        data,
        min_width=-(-least[0] * info.width // tile.width),
        min_height=-(-least[1] * info.height // tile.height),
    )
    height, width = pixels.shape[:2]
    left, right = _scale(tile.x0, tile.x1, width, info.width)
    top, bottom = _scale(tile.y0, tile.y1, height, info.height)
    cut = pixels[top:bottom, left:right]
    inner = place(cut.shape[1], cut.shape[0], spec)
    placement = Placement(
        (left + inner.x * (right - left)) / width,
        (top + inner.y * (bottom - top)) / height,
        inner.width * (right - left) / width,
        inner.height * (bottom - top) / height,
    )
    return TilePixels(cut, placement, info)


def _scale(start: int, end: int, decoded: int, whole: int) -> tuple[int, int]:
    """The same range in a picture decoded smaller, outward to whole pixels."""
    return start * decoded // whole, -(-end * decoded // whole)
