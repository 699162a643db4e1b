"""One tile out of a picture file, decoded no larger than a model needs it."""

from __future__ import annotations

from modelkit.errors import BadImageError
from modelkit.manifest import InputSpec
from modelkit.picture import PictureInfo, Pixels, decode_picture, read_picture_info
from modelkit.preprocess import Placement, decode_bounds, place
from modelkit.sliced.layout import Box


def decode_tile(data: bytes | memoryview, tile: Box, spec: InputSpec) -> Pixels:
    """Decode a picture at the least scale at which `tile` fills the input of `spec`, and cut the tile out.

    Its edges are those of the nearest decoded pixels, which are never larger than the model's. Raises BadImageError
    where the tile is not inside the picture, and as `decode_picture` does.
    """
    info = read_picture_info(data)
    check_tile(info, tile)
    least = decode_bounds(PictureInfo(info.format, tile.width, tile.height), spec)
    pixels = decode_picture(
        data,
        min_width=-(-least[0] * info.width // tile.width),
        min_height=-(-least[1] * info.height // tile.height),
    )
    height, width = pixels.shape[:2]
    left, right = _scale(tile.x0, tile.x1, width, info.width)
    top, bottom = _scale(tile.y0, tile.y1, height, info.height)
    return pixels[top:bottom, left:right]


def check_tile(info: PictureInfo, tile: Box) -> None:
    """Refuse a tile that is not inside the picture, with BadImageError."""
    if not (0 <= tile.x0 < tile.x1 <= info.width and 0 <= tile.y0 < tile.y1 <= info.height):
        raise BadImageError(
            f"the tile {','.join(map(str, tile))} is not inside a picture of {info.width}x{info.height}",
            remedy="give a tile in the pixels of the picture that is sent",
        )


def place_tile(width: int, height: int, tile: Box, spec: InputSpec) -> Placement:
    """Where the model's input for `tile` lies in a picture of `width` x `height` pixels."""
    inner = place(tile.width, tile.height, spec)
    return Placement(
        (tile.x0 + inner.x * tile.width) / width,
        (tile.y0 + inner.y * tile.height) / height,
        inner.width * tile.width / width,
        inner.height * tile.height / height,
    )


def _scale(start: int, end: int, decoded: int, whole: int) -> tuple[int, int]:
    """The same range in a picture decoded smaller: at least one pixel."""
    first = min(round(start * decoded / whole), decoded - 1)
    return first, max(first + 1, round(end * decoded / whole))
