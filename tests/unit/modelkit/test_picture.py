from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelkit.errors import BadImageError, TooLargeError
from modelkit.picture import (
    MAX_SCANNED_PIXELS,
    MAX_SIDE,
    PictureInfo,
    Pixels,
    decode_picture,
    encode_jpeg,
    read_picture_info,
)


def gradient(width: int, height: int) -> Pixels:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], axis=2).astype(np.uint8)


def as_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def claim_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG with another size in its frame header (ITU-T T.81, B.2.2)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


JPEG = encode_jpeg(gradient(97, 53))
PNG = as_png(Image.fromarray(gradient(97, 53)))


@pytest.mark.parametrize(("data", "form"), [(JPEG, "jpeg"), (PNG, "png")])
def test_size_and_format_come_from_the_header(data: bytes, form: str) -> None:
    assert PictureInfo(form, 97, 53) == read_picture_info(data)  # type: ignore[arg-type]
    assert PictureInfo(form, 97, 53) == read_picture_info(memoryview(data))  # type: ignore[arg-type]


def test_a_png_decodes_to_the_very_pixels() -> None:
    assert np.array_equal(gradient(97, 53), decode_picture(PNG))


def test_a_jpeg_decodes_to_about_the_pixels_that_were_encoded() -> None:
    smooth = gradient(96, 64)
    smooth[:, :, 2] = 80
    difference = np.abs(decode_picture(encode_jpeg(smooth, quality=95)).astype(int) - smooth)
    assert difference.mean() < 2


def test_a_large_jpeg_is_decoded_at_the_least_sufficient_scale() -> None:
    jpeg = encode_jpeg(gradient(1280, 720))
    assert decode_picture(jpeg, min_width=224, min_height=224).shape == (270, 480, 3)
    assert decode_picture(jpeg, min_width=5000, min_height=5000).shape == (720, 1280, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "LA", "I;16"])
def test_every_kind_of_png_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((5, 7), 0x8000, np.uint16))
    else:
        image = Image.fromarray(gradient(7, 5)).convert(mode)
    pixels = decode_picture(as_png(image))
    assert ((5, 7, 3), np.uint8) == (pixels.shape, pixels.dtype)
    if mode == "I;16":
        assert np.all(pixels == 0x80)


def test_a_gray_jpeg_becomes_rgb() -> None:
    file = io.BytesIO()
    Image.fromarray(gradient(40, 30)).convert("L").save(file, "JPEG")
    assert decode_picture(file.getvalue()).shape == (30, 40, 3)


def test_a_jpeg_that_claims_32000_by_32000_pixels_is_refused_without_decoding() -> None:
    bomb = claim_size(JPEG, 32000, 32000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="32000x32000"):
            decode_picture(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_png_that_claims_too_much_is_refused_without_decoding() -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 2**31 - 1, 2**31 - 1)
    with pytest.raises(TooLargeError, match="2147483647"):
        decode_picture(header + PNG[24:])


def test_a_long_thin_picture_is_refused() -> None:
    with pytest.raises(TooLargeError):
        read_picture_info(claim_size(JPEG, MAX_SIDE + 1, 8))


def test_a_caller_may_set_a_lower_limit() -> None:
    with pytest.raises(TooLargeError, match="97x53"):
        read_picture_info(JPEG, max_pixels=97 * 53 - 1)


def test_a_jpeg_of_too_many_scans_is_refused_before_the_work_starts() -> None:
    scans = MAX_SCANNED_PIXELS // (4000 * 4000) + 1
    with pytest.raises(TooLargeError, match="scans"):
        decode_picture(claim_size(JPEG, 4000, 4000) + b"\xff\xda" * scans)


def test_a_progressive_jpeg_is_fine() -> None:
    file = io.BytesIO()
    Image.fromarray(gradient(200, 100)).save(file, "JPEG", progressive=True)
    assert decode_picture(file.getvalue()).shape == (100, 200, 3)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>", b"\0" * 99]
)
def test_what_is_no_picture_is_refused_with_bad_image(data: bytes) -> None:
    with pytest.raises(BadImageError) as caught:
        decode_picture(data)
    assert caught.value.remedy
    assert caught.value.code == "bad_image"


@pytest.mark.parametrize("data", [JPEG, PNG], ids=["jpeg", "png"])
@given(share=st.floats(0, 0.99))
def test_a_truncated_picture_is_refused_at_any_point(data: bytes, share: float) -> None:
    # A JPEG's last two bytes only say that it ends; what they follow is whole.
    with pytest.raises(BadImageError):
        decode_picture(data[: int(share * (len(data) - 2))])


@pytest.mark.parametrize("data", [JPEG, PNG], ids=["jpeg", "png"])
@given(st.data())
@settings(max_examples=200)
def test_changed_bytes_give_a_picture_or_a_typed_error(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for at in draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=8)):
        changed[at] = draw.draw(st.integers(0, 255))
    # A header may come to claim up to the limit: keep the test itself small.
    try:
        info = read_picture_info(bytes(changed), max_pixels=1_000_000)
        pixels = decode_picture(bytes(changed))
    except (BadImageError, TooLargeError):
        return
    assert (info.height, info.width, 3) == pixels.shape


@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", JPEG[:200], PNG[:60]]))
def test_random_bytes_are_refused_with_a_typed_error(tail: bytes, start: bytes) -> None:
    with pytest.raises((BadImageError, TooLargeError)):
        decode_picture(start + tail)
