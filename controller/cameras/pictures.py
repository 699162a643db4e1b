"""Pictures between decoding and sending: each can show its small gray self and become a JPEG, both on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from controller.cameras.errors import BadPictureError
from controller.cameras.framing import MAX_JPEG
from controller.cameras.motion import GATE_HEIGHT, GATE_WIDTH, Gray

JPEG_QUALITY = 85
MAX_PIXELS = 50_000_000  # 8k fits; a header that claims more is refused before anything is decoded
_EOI = b"\xff\xd9"
_TAIL = 4096  # bytes: some cameras append padding or metadata after the end of the picture


@dataclass(frozen=True, slots=True)
class Encoded:
    """A whole JPEG and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


class Picture(Protocol):
    """One picture as it came from a source."""

    def gray(self) -> Gray:
        """The picture as gray levels of shape ``[GATE_HEIGHT, GATE_WIDTH]``.

        Raises:
            BadPictureError: when the bytes turn out to be no picture.

        """

    def encode(self, max_width: int | None) -> Encoded:
        """The picture as a JPEG of at most ``max_width`` pixels' width.

        Raises:
            BadPictureError: when the bytes turn out to be no picture.

        """


def fit_width(width: int, height: int, max_width: int | None) -> tuple[int, int]:
    """The size after scaling down to ``max_width``, aspect ratio kept; never scales up."""
    if max_width is None or width <= max_width:
        return width, height
    return max_width, max(1, round(height * max_width / width))


def check_size(width: int, height: int) -> None:
    """Refuse a picture of no size or beyond ``MAX_PIXELS``.

    Raises:
        BadPictureError: with the size.

    """
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise BadPictureError(
            f"a picture of {width}x{height} pixels is not acceptable",
            remedy=f"send pictures of at most {MAX_PIXELS // 1_000_000} megapixels",
        )


def check_jpeg(jpeg: bytes) -> tuple[int, int]:
    """Check that bytes look like one whole JPEG, without decoding it; return width and height in pixels.

    A flipped byte inside the scan cannot be seen by any decoder; a missing end can.

    Raises:
        BadPictureError: when they are no JPEG, a truncated one, or too large.

    """
    if len(jpeg) > MAX_JPEG:
        raise BadPictureError(f"a JPEG of {len(jpeg)} bytes is too large", remedy=f"send at most {MAX_JPEG} bytes")
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except (ValueError, KeyError) as error:  # KeyError: what simplejpeg makes of bytes without any JPEG header
        raise BadPictureError(f"{len(jpeg)} bytes are not a JPEG: {error}", remedy="send whole JPEG files") from error
    if jpeg.rfind(_EOI, max(0, len(jpeg) - _TAIL)) < 0:
        raise BadPictureError(
            f"a JPEG of {len(jpeg)} bytes ends early: it has no end marker", remedy="send whole JPEG files"
        )
    check_size(width, height)
    return width, height


class JpegPicture:
    """A JPEG as the camera made it; passed on byte for byte unless it is too wide.

    Raises:
        BadPictureError: when the bytes are not one whole JPEG.

    """

    def __init__(self, jpeg: bytes) -> None:
        self.jpeg = jpeg
        self.width, self.height = check_jpeg(jpeg)

    def gray(self) -> Gray:
        """A scaled decode: a fraction of the full one's cost."""
        levels = _decode(self.jpeg, "GRAY", GATE_WIDTH, GATE_HEIGHT)
        return _sample(levels[:, :, 0])

    def encode(self, max_width: int | None) -> Encoded:
        """The camera's own bytes, or a smaller picture."""
        width, height = fit_width(self.width, self.height, max_width)
        if (width, height) == (self.width, self.height):
            return Encoded(self.jpeg, width, height)
        return _encode_rgb(_decode(self.jpeg, "RGB", width, height), width, height)


class ArrayPicture:
    """An RGB array of shape ``[height, width, 3]``, uint8."""

    def __init__(self, rgb: npt.NDArray[np.uint8]) -> None:
        self.rgb = rgb
        self.height, self.width = rgb.shape[:2]
        check_size(self.width, self.height)

    def gray(self) -> Gray:
        """The green channel, sampled: close enough to luma for a gate, at no cost."""
        return _sample(self.rgb[:, :, 1])

    def encode(self, max_width: int | None) -> Encoded:
        """Resize first, then encode."""
        width, height = fit_width(self.width, self.height, max_width)
        return _encode_rgb(self.rgb, width, height)


def _encode_rgb(rgb: npt.NDArray[np.uint8], width: int, height: int) -> Encoded:
    if rgb.shape[:2] != (height, width):
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), JPEG_QUALITY, "RGB", "420")
    return Encoded(jpeg, width, height)


def _decode(jpeg: bytes, colours: str, min_width: int, min_height: int) -> npt.NDArray[np.uint8]:
    try:
        array: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(
            jpeg, colours, fastdct=True, fastupsample=True, min_width=min_width, min_height=min_height, strict=False
        )
    except (ValueError, KeyError) as error:
        raise BadPictureError(f"a JPEG of {len(jpeg)} bytes cannot be decoded: {error}") from error
    return array


def _sample(levels: npt.NDArray[np.uint8]) -> Gray:
    """Pick the gate's pixels out of a larger (or smaller) gray picture."""
    height, width = levels.shape
    rows = np.arange(GATE_HEIGHT) * height // GATE_HEIGHT
    columns = np.arange(GATE_WIDTH) * width // GATE_WIDTH
    return levels[np.ix_(rows, columns)]
