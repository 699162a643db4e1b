"""Pictures: what is refused before it is decoded, and what leaves."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from controller.cameras.errors import BadPictureError
from controller.cameras.motion import GATE_HEIGHT, GATE_WIDTH
from controller.cameras.pictures import ArrayPicture, JpegPicture, check_jpeg, check_size, fit_width
from controller.cameras.sources.directory import natural_key
from controller.cameras.sources.synthetic import draw_background, draw_frame

RGB = draw_frame(draw_background(640, 360), 300, 10.0)
JPEG = simplejpeg.encode_jpeg(RGB, 85, "RGB", "420")


def test_a_jpeg_passes_unchanged() -> None:
    encoded = JpegPicture(JPEG).encode(640)
    assert encoded.jpeg is JPEG
    assert (encoded.width, encoded.height) == (640, 360)


def test_a_wide_jpeg_is_scaled() -> None:
    encoded = JpegPicture(JPEG).encode(200)
    assert simplejpeg.decode_jpeg_header(encoded.jpeg)[:2] == (encoded.height, encoded.width) == (112, 200)


def test_a_truncated_jpeg_is_refused_with_bad_image() -> None:
    with pytest.raises(BadPictureError, match="ends early") as caught:
        JpegPicture(JPEG[: len(JPEG) // 2])
    assert caught.value.code == "bad_image"


def test_a_jpeg_that_claims_a_huge_size_is_refused_before_it_is_decoded() -> None:
    start = JPEG.index(b"\xff\xc0") + 5
    bomb = JPEG[:start] + (32_000).to_bytes(2, "big") * 2 + JPEG[start + 4 :]
    with pytest.raises(BadPictureError, match="32000x32000"):
        check_jpeg(bomb)


def test_padding_after_the_end_is_accepted() -> None:
    assert check_jpeg(JPEG + bytes(100)) == (640, 360)


@given(st.binary(max_size=500))
def test_any_bytes_are_a_jpeg_or_a_bad_picture(data: bytes) -> None:
    with pytest.raises(BadPictureError):
        check_jpeg(data)


@given(st.integers(0, len(JPEG) - 1), st.integers(0, 255))
def test_a_flipped_byte_never_raises_anything_but_bad_picture(place: int, value: int) -> None:
    data = bytearray(JPEG)
    data[place] = value
    try:
        picture = JpegPicture(bytes(data))
        assert picture.gray().shape == (GATE_HEIGHT, GATE_WIDTH)
    except BadPictureError as error:
        assert error.message  # noqa: PT017 - both outcomes are right, nothing else is


def test_both_kinds_of_picture_show_the_same_gray_scene() -> None:
    from_array = ArrayPicture(RGB).gray().astype(int)
    from_jpeg = JpegPicture(JPEG).gray().astype(int)
    assert from_array.shape == from_jpeg.shape == (GATE_HEIGHT, GATE_WIDTH)
    assert np.corrcoef(from_array.ravel(), from_jpeg.ravel())[0, 1] > 0.85


def test_a_small_picture_has_a_gray_self_too() -> None:
    tiny = simplejpeg.encode_jpeg(np.ascontiguousarray(RGB[:20, :30]), 85, "RGB", "420")
    assert JpegPicture(tiny).gray().shape == (GATE_HEIGHT, GATE_WIDTH)


@given(st.integers(1, 8000), st.integers(1, 6000), st.none() | st.integers(1, 8000))
def test_scaling_keeps_the_shape_and_never_enlarges(width: int, height: int, max_width: int | None) -> None:
    new_width, new_height = fit_width(width, height, max_width)
    assert 1 <= new_width <= width
    assert 1 <= new_height <= height
    assert max_width is None or new_width <= max_width
    assert abs(new_height - height * new_width / width) <= 1


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (10_000, 10_000), (-1, -1)])
def test_an_unacceptable_size_is_named(width: int, height: int) -> None:
    with pytest.raises(BadPictureError, match=f"{width}x{height}"):
        check_size(width, height)


def test_file_names_sort_as_people_count() -> None:
    names = ["shot10.jpg", "shot9.jpg", "a.jpg", "shot1.jpg", "٣.jpg"]
    assert sorted(names, key=natural_key)[:4] == ["a.jpg", "shot1.jpg", "shot9.jpg", "shot10.jpg"]
