"""A tile is the part of the picture that it says, at the size that the model needs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelkit.errors import BadImageError
from modelkit.manifest import InputSpec
from modelkit.picture import decode_picture, encode_jpeg
from modelkit.preprocess import WHOLE, place, prepare_input
from modelkit.sliced import Box, decode_tile, place_tile

SPEC = InputSpec(width=32, height=32, channels=3, mean=(0.0, 0.0, 0.0), scale=(255.0, 255.0, 255.0))
WIDTH, HEIGHT = 320, 240


def make_ramp() -> np.ndarray:
    """Red tells the column, green the row."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :, 0] = np.linspace(0, 255, WIDTH)
    pixels[:, :, 1] = np.linspace(0, 255, HEIGHT)[:, None]
    return pixels


JPEG = encode_jpeg(make_ramp(), quality=98)


@settings(max_examples=60)
@given(st.integers(0, 280), st.integers(0, 200), st.integers(1, 320), st.integers(1, 240))
def test_a_tile_shows_its_part_of_the_picture_at_whatever_scale_it_was_decoded(
    x0: int, y0: int, width: int, height: int
) -> None:
    tile = Box(x0, y0, min(WIDTH, x0 + width), min(HEIGHT, y0 + height))
    pixels = decode_tile(JPEG, tile, SPEC)
    middle = pixels.mean(axis=(0, 1))
    assert middle[0] == pytest.approx(((tile.x0 + tile.x1 - 1) / 2) / (WIDTH - 1) * 255, abs=8)
    assert middle[1] == pytest.approx(((tile.y0 + tile.y1 - 1) / 2) / (HEIGHT - 1) * 255, abs=8)
    assert pixels.shape[1] >= min(tile.width, SPEC.width) - 1
    assert pixels.shape[0] >= min(tile.height, SPEC.height) - 1


def test_a_large_tile_is_decoded_smaller_and_a_small_one_as_it_is() -> None:
    assert decode_tile(JPEG, Box(0, 0, WIDTH, HEIGHT), SPEC).shape < (HEIGHT // 2, WIDTH // 2, 3)
    assert decode_tile(JPEG, Box(10, 20, 42, 52), SPEC).shape == (32, 32, 3)


def test_png_tiles_are_exact() -> None:
    buffer = io.BytesIO()
    Image.fromarray(make_ramp()).save(buffer, "PNG")
    tile = decode_tile(buffer.getvalue(), Box(5, 6, 105, 206), SPEC)
    assert (tile == decode_picture(buffer.getvalue())[6:206, 5:105]).all()
    assert prepare_input(tile, SPEC).shape == (1, 32, 32, 3)


@pytest.mark.parametrize("tile", [Box(0, 0, 321, 10), Box(-1, 0, 10, 10), Box(9, 9, 9, 20), Box(0, 230, 10, 241)])
def test_a_tile_outside_the_picture_is_refused(tile: Box) -> None:
    with pytest.raises(BadImageError, match="is not inside a picture of 320x240"):
        decode_tile(JPEG, tile, SPEC)


@given(st.integers(1, 500), st.integers(1, 500), st.sampled_from(["stretch", "crop", "letterbox"]))
def test_the_tile_that_is_the_picture_lies_where_the_picture_lies(width: int, height: int, resize: str) -> None:
    spec = InputSpec(
        width=32,
        height=24,
        channels=3,
        mean=(0.0, 0.0, 0.0),
        scale=(1.0, 1.0, 1.0),
        resize=resize,  # type: ignore[arg-type]
    )
    assert place_tile(width, height, Box(0, 0, width, height), spec) == pytest.approx(place(width, height, spec))


def test_boxes_in_a_tile_become_boxes_in_the_picture() -> None:
    spec = InputSpec(width=8, height=8, channels=3, mean=(0.0,) * 3, scale=(1.0,) * 3)
    placement = place_tile(400, 200, Box(100, 50, 300, 150), spec)
    assert placement != WHOLE
    boxes = placement.to_picture(np.array([[0, 0, 1, 1], [0.5, 0.5, 0.75, 1]], np.float32))
    assert boxes.tolist() == [[0.25, 0.25, 0.75, 0.75], [0.5, 0.5, 0.625, 0.75]]
