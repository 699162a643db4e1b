"""Pictures from outside: their size from the header, then their pixels, strictly.

The header is read first, because a picture of a few kilobytes may claim gigabytes of pixels. Orientation tags are not
applied: cameras send pictures as they are.
"""

import io
import re
import struct
import threading
import warnings
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from modelkit.errors import BadImageError, TooLargeError

MAX_SIDE = 16_384
MAX_PIXELS = 50_000_000
# A JPEG of many scans is decoded whole once for each of them: bound the work, not only the size.
MAX_SCANNED_PIXELS = 400_000_000

Pixels = npt.NDArray[np.uint8]

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = struct.Struct(">8sI4sII")  # signature, then the IHDR chunk's length, name, width and height
_PNG_END = b"IEND\xaeB`\x82"  # name and checksum of the last chunk
_JPEG_SCAN = re.compile(rb"\xff\xda")
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "F")
_WARNINGS_LOCK = threading.Lock()  # warning filters are global


class PictureInfo(NamedTuple):
    """What a picture's header says."""

    format: Literal["jpeg", "png"]
    width: int
    height: int


def read_picture_info(data: bytes | memoryview, *, max_pixels: int = MAX_PIXELS) -> PictureInfo:
    """Read format and size without decoding. Raises BadImageError, or TooLargeError above the limits."""
    start = bytes(data[: _PNG_HEADER.size])
    if start.startswith(_JPEG_START):
        info = _read_jpeg_info(data)
    elif start.startswith(_PNG_START):
        info = _read_png_info(start)
    else:
        raise BadImageError(
            f"these {len(data)} bytes are neither a JPEG nor a PNG (they start with {start[:8]!r})",
            remedy="send a JPEG or PNG file as it is, without any encoding around it",
        )
    if info.width < 1 or info.height < 1:
        raise BadImageError(
            f"the picture claims {info.width}x{info.height} pixels", remedy="send a picture with pixels"
        )
    if max(info.width, info.height) > MAX_SIDE or info.width * info.height > max_pixels:
        raise TooLargeError(
            f"the picture claims {info.width}x{info.height} pixels; "
            f"the limits are {MAX_SIDE} a side and {max_pixels} in all",
            remedy="send a smaller picture",
        )
    return info


def decode_picture(data: bytes | memoryview, *, min_width: int = 0, min_height: int = 0) -> Pixels:
    """Decode a picture to (height, width, 3) RGB, uint8.

    Given a least width and height, a JPEG is decoded at the smallest scale of n/8 that is not below them, which is
    much cheaper. Raises BadImageError for anything not whole, TooLargeError as `read_picture_info` does.
    """
    info = read_picture_info(data)
    if info.format == "png":
        return _decode_png(data)
    return _decode_jpeg(data, info, min_width=min(min_width, info.width), min_height=min(min_height, info.height))


def encode_jpeg(rgb: Pixels, quality: int = 85) -> bytes:
    """Encode (height, width, 3) RGB, uint8, as a JPEG of quality 1..100."""
    import simplejpeg  # noqa: PLC0415 - a node that only plays its models needs no codec

    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return encoded


def _read_jpeg_info(data: bytes | memoryview) -> PictureInfo:
    import simplejpeg  # noqa: PLC0415 - as above

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError) as error:  # KeyError: a colour space or subsampling that it has no name for
        raise _broken("JPEG", error) from error
    return PictureInfo("jpeg", width, height)


def _decode_jpeg(data: bytes | memoryview, info: PictureInfo, *, min_width: int, min_height: int) -> Pixels:
    import simplejpeg  # noqa: PLC0415 - as above

    scans = len(_JPEG_SCAN.findall(data))
    if scans * info.width * info.height > MAX_SCANNED_PIXELS:
        raise TooLargeError(
            f"the JPEG has {scans} scans of {info.width}x{info.height} pixels, above {MAX_SCANNED_PIXELS} in all",
            remedy="send a baseline JPEG",
        )
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data, colorspace="RGB", min_width=min_width, min_height=min_height, strict=True
        )
    except (ValueError, KeyError) as error:  # KeyError: a colour space or subsampling that it has no name for
        raise _broken("JPEG", error) from error
    return pixels


def _read_png_info(start: bytes) -> PictureInfo:
    if len(start) < _PNG_HEADER.size:
        raise BadImageError(f"the PNG ends after {len(start)} bytes", remedy="send the whole file")
    _, length, name, width, height = _PNG_HEADER.unpack(start)
    if name != b"IHDR" or length != 13:  # noqa: PLR2004 - fixed by the PNG specification, section 11.2.2
        raise BadImageError("the PNG does not start with an IHDR chunk", remedy="send a PNG file as it is")
    return PictureInfo("png", width, height)


def _decode_png(data: bytes | memoryview) -> Pixels:
    from PIL import Image  # noqa: PLC0415 - cameras send JPEG: most nodes never pay for this import

    content = bytes(data)
    if _PNG_END not in content:  # Pillow would forgive a missing end
        raise BadImageError(f"the PNG of {len(content)} bytes has no end", remedy="send the whole file")
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                image.load()
                if image.mode in _WIDE_MODES:
                    gray = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                    return np.repeat(gray[:, :, None], 3, axis=2)
                return np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, Warning) as error:
            raise _broken("PNG", error) from error


def _broken(form: str, error: Exception) -> BadImageError:
    return BadImageError(f"the {form} cannot be decoded: {error}", remedy="send the whole file; look at it in a viewer")
