"""Draws a result into its picture."""

from __future__ import annotations

import colorsys
import zlib

import cv2
import numpy as np

from wire.errors import BadImageError
from wire.messages import Result

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw(picture: bytes, result: Result, *, quality: int = 88) -> bytes:
    """Return the picture as JPEG with boxes and names drawn in; blocks for some milliseconds.

    Args:
        picture: a JPEG or PNG whose header has been checked.
        result: detections or classes.
        quality: of the JPEG, 1 to 100.

    Raises:
        BadImageError: the picture cannot be decoded.

    """
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise BadImageError("the picture cannot be decoded for drawing")
    canvas = np.ascontiguousarray(image)
    size = max(0.8, min(canvas.shape[:2]) / 500)
    for detection in result.detections or ():
        _draw_box(canvas, detection.box, f"{detection.label}  {detection.score:.0%}", _colour(detection.label), size)
    for line, found in enumerate(result.classes or ()):
        _write(
            canvas, f"{found.label}  {found.score:.0%}", (6, round((line + 1) * 26 * size)), _colour(found.label), size
        )
    done, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise BadImageError("the picture cannot be encoded again")
    return bytes(jpeg)


def _draw_box(
    canvas: np.ndarray, box: tuple[float, float, float, float], text: str, colour: tuple[int, int, int], size: float
) -> None:
    height, width = canvas.shape[:2]
    left, top = round(box[0] * width), round(box[1] * height)
    right, bottom = round(box[2] * width), round(box[3] * height)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, max(1, round(2 * size)), cv2.LINE_AA)
    _write(canvas, text, (left + 2, max(round(18 * size), top - 4)), colour, size)


def _write(canvas: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    """Write on a dark ground, so that it can be read on any picture."""
    scale, weight = 0.55 * size, max(1, round(size))
    (width, height), base = cv2.getTextSize(text, _FONT, scale, weight)
    cv2.rectangle(canvas, (at[0] - 2, at[1] - height - 3), (at[0] + width + 2, at[1] + base), (24, 24, 24), cv2.FILLED)
    cv2.putText(canvas, text, at, _FONT, scale, colour, weight, cv2.LINE_AA)


def _colour(label: str) -> tuple[int, int, int]:
    """Return a bright colour (BGR) that stays the same for a label."""
    red, green, blue = colorsys.hsv_to_rgb(zlib.crc32(label.encode()) % 360 / 360, 0.65, 1.0)
    return round(blue * 255), round(green * 255), round(red * 255)
