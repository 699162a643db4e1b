"""From a picture to a model's input tensor, and the way back for boxes."""

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modelkit.errors import BadImageError, InvalidTensorError
from modelkit.manifest import InputSpec
from modelkit.picture import PictureInfo, Pixels, decode_picture, read_picture_info

Quantization = tuple[float, int]  # real = scale * (stored - zero point)

_FAR = 1e6  # no box is further away; keeps the arithmetic finite whatever a model says
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Placement(NamedTuple):
    """Where the model's input lies in the picture, as shares of the picture's sides; beyond 0..1 are bars."""

    x: float
    y: float
    width: float
    height: float

    def to_picture(self, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Turn (N, 4) boxes x0, y0, x1, y1 from shares of the input into shares of the picture, clipped to it."""
        offset = np.array((self.x, self.y, self.x, self.y), np.float32)
        size = np.array((self.width, self.height, self.width, self.height), np.float32)
        return (boxes.clip(-_FAR, _FAR) * size + offset).clip(0, 1)


WHOLE = Placement(0.0, 0.0, 1.0, 1.0)


def place(width: int, height: int, spec: InputSpec) -> Placement:
    """Where the input of `spec` lies in a picture of `width` x `height` pixels."""
    if spec.resize == "stretch":
        return WHOLE
    # How much wider the input is than the picture, both at the same height.
    wider = (spec.width * height) / (spec.height * width)
    full_width = (wider > 1) == (spec.resize == "crop")
    part_width, part_height = (1.0, 1.0 / wider) if full_width else (wider, 1.0)
    return Placement((1 - part_width) / 2, (1 - part_height) / 2, part_width, part_height)


def decode_bounds(info: PictureInfo, spec: InputSpec) -> tuple[int, int]:
    """The least width and height in which a picture must be decoded so that `spec` loses nothing."""
    placement = place(info.width, info.height, spec)
    return (
        min(info.width, -int(-spec.width // placement.width)),
        min(info.height, -int(-spec.height // placement.height)),
    )


def prepare_input(
    picture: bytes | memoryview | Pixels,
    spec: InputSpec,
    *,
    dtype: npt.DTypeLike = np.float32,
    quantization: Quantization | None = None,
) -> npt.NDArray[np.generic]:
    """Make the (1, height, width, channels) tensor that a model takes.

    `picture` is a file's bytes or (height, width, 3) RGB, uint8, at any size that keeps the aspect ratio.
    `quantization` is needed for an integer `dtype`. Raises BadImageError, TooLargeError; InvalidTensorError where the
    model's own type or quantization cannot be served.
    """
    if not isinstance(picture, np.ndarray):
        min_width, min_height = decode_bounds(read_picture_info(picture), spec)
        picture = decode_picture(picture, min_width=min_width, min_height=min_height)
    elif picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:  # noqa: PLR2004
        raise BadImageError(
            f"pixels have shape {picture.shape} and type {picture.dtype}", remedy="give (height, width, 3), uint8"
        )
    table = _value_table(spec.mean, spec.scale, np.dtype(dtype).str, quantization)
    pixels = _resize(picture, spec)
    if spec.colour == "bgr":
        pixels = pixels[:, :, ::-1]
    tensor = np.empty(spec.shape, table.dtype)
    for channel, values in enumerate(table):
        plane = np.ascontiguousarray(pixels[:, :, channel])
        tensor[0, :, :, channel] = values.take(plane, mode="clip")  # a byte is never out of range: clip skips the check
    return tensor


def _resize(pixels: Pixels, spec: InputSpec) -> Pixels:
    """Bilinear with support scaled to the reduction (anti-aliased), to (height, width, channels)."""
    height, width = pixels.shape[:2]
    if spec.colour == "gray":
        pixels = (pixels @ np.array(_LUMA)).round().astype(np.uint8)
    if (height, width) == (spec.height, spec.width):
        return pixels.reshape(height, width, spec.channels)
    from PIL import Image  # noqa: PLC0415 - a node that only plays its models needs no Pillow

    placement = place(width, height, spec)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if spec.resize != "letterbox":
        left, top = placement.x * width, placement.y * height
        right, bottom = min(width, left + placement.width * width), min(height, top + placement.height * height)
        image = image.resize((spec.width, spec.height), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
        return np.asarray(image).reshape(spec.height, spec.width, spec.channels)
    inner = (max(1, round(spec.width / placement.width)), max(1, round(spec.height / placement.height)))
    canvas = np.zeros((spec.height, spec.width, spec.channels), np.uint8)
    left, top = round((spec.width - inner[0]) / 2), round((spec.height - inner[1]) / 2)
    image = image.resize(inner, Image.Resampling.BILINEAR)
    canvas[top : top + inner[1], left : left + inner[0]] = np.asarray(image).reshape(inner[1], inner[0], spec.channels)
    return canvas


@functools.lru_cache(maxsize=16)
def _value_table(
    mean: tuple[float, ...], scale: tuple[float, ...], dtype: str, quantization: Quantization | None
) -> npt.NDArray[np.generic]:
    """What each of the 256 pixel values becomes, channel by channel: normalising and quantising is one look-up."""
    values = (np.arange(256) - np.array(mean)[:, None]) / np.array(scale)[:, None]
    kind = np.dtype(dtype)
    if kind in (np.float32, np.float16):
        real: npt.NDArray[np.generic] = values.astype(kind)
        return real
    if kind not in (np.int8, np.uint8):
        raise InvalidTensorError(
            f"a model with input of type {kind} is not supported",
            remedy="convert the model to take float32, float16, int8 or uint8",
        )
    if quantization is None or not quantization[0] > 0:
        raise InvalidTensorError(
            f"the model takes {kind} but gives no quantization ({quantization})",
            remedy="convert the model again, with quantization parameters at its input",
        )
    step, zero = quantization
    limits = np.iinfo(kind)
    stored: npt.NDArray[np.generic] = np.clip(np.rint(values / step) + zero, limits.min, limits.max).astype(kind)
    return stored
