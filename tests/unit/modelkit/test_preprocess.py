from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkit.errors import BadImageError, InvalidTensorError
from modelkit.manifest import InputSpec
from modelkit.picture import PictureInfo, encode_jpeg
from modelkit.preprocess import WHOLE, Placement, decode_bounds, place, prepare_input

sides = st.integers(1, 4000)
specs = st.builds(
    InputSpec,
    width=st.integers(1, 600),
    height=st.integers(1, 600),
    resize=st.sampled_from(["stretch", "letterbox", "crop"]),
)


def spec(width: int = 8, height: int = 8, resize: str = "stretch", **more: object) -> InputSpec:
    return InputSpec(width=width, height=height, resize=resize, **more)  # type: ignore[arg-type]


def flat(width: int, height: int, colour: tuple[int, int, int] = (10, 20, 30)) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_a_float_input_is_pixel_less_mean_over_scale() -> None:
    wanted = spec(mean=(10.0, 10.0, 10.0), scale=(10.0, 5.0, 2.0))
    tensor = prepare_input(flat(20, 10), wanted)
    assert ((1, 8, 8, 3), np.float32) == (tensor.shape, tensor.dtype)
    assert np.array_equal(np.broadcast_to(np.float32([0, 2, 10]), (1, 8, 8, 3)), tensor)


def test_bgr_swaps_the_channels_before_normalising() -> None:
    tensor = prepare_input(flat(8, 8), spec(colour="bgr", mean=(30.0, 20.0, 10.0)))
    assert not tensor.any()


def test_gray_is_the_luma_of_the_picture() -> None:
    wanted = spec(channels=1, colour="gray", mean=(0.0,), scale=(1.0,))
    assert prepare_input(flat(30, 30, (255, 255, 255)), wanted).shape == (1, 8, 8, 1)
    assert np.all(prepare_input(flat(30, 30, (100, 0, 0)), wanted) == 30)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@given(
    mean=st.floats(-300, 300),
    scale=st.floats(0.01, 300),
    step=st.floats(1e-4, 10),
    zero=st.integers(-128, 255),
)
def test_the_integer_path_equals_quantising_the_real_value(
    dtype: type, mean: float, scale: float, step: float, zero: int
) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    wanted = spec(16, 16, mean=(mean,) * 3, scale=(scale,) * 3)
    stored = prepare_input(pixels, wanted, dtype=dtype, quantization=(step, zero))
    real = (pixels.astype(np.float64) - mean) / scale
    limits = np.iinfo(dtype)
    assert np.array_equal(np.clip(np.rint(real / step) + zero, limits.min, limits.max)[None], stored)


@pytest.mark.parametrize("quantization", [None, (0.0, 0), (float("nan"), 0)])
def test_an_integer_input_without_quantization_is_refused(quantization: tuple[float, int] | None) -> None:
    with pytest.raises(InvalidTensorError, match="quantization"):
        prepare_input(flat(8, 8), spec(), dtype=np.int8, quantization=quantization)


def test_an_input_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="int32"):
        prepare_input(flat(8, 8), spec(), dtype=np.int32)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), flat(0, 4)],
)
def test_pixels_of_another_shape_or_type_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(BadImageError):
        prepare_input(pixels, spec())


def test_letterbox_puts_bars_on_the_short_side() -> None:
    tensor = prepare_input(flat(80, 40, (200, 200, 200)), spec(8, 8, "letterbox"))[0, :, :, 0]
    assert not tensor[:2].any()
    assert np.all(tensor[2:6] == 200)
    assert not tensor[6:].any()


def test_crop_takes_the_middle() -> None:
    pixels = flat(80, 40, (0, 0, 0))
    pixels[:, 20:60] = 200
    tensor = prepare_input(pixels, spec(8, 8, "crop"))[0]
    assert np.all(tensor[:, 1:-1] == 200)
    assert np.all(tensor[:, [0, -1]] > 150)  # at the rim the filter reaches a little beyond


def test_stretch_covers_the_whole_picture() -> None:
    assert place(640, 480, spec()) == WHOLE


def test_placements_of_a_wide_picture_in_a_square_input() -> None:
    assert Placement(0.0, -0.5, 1.0, 2.0) == place(200, 100, spec(10, 10, "letterbox"))
    assert Placement(0.25, 0.0, 0.5, 1.0) == place(200, 100, spec(10, 10, "crop"))


@given(sides, sides, specs)
def test_a_placement_keeps_the_aspect_ratio_and_the_centre(width: int, height: int, wanted: InputSpec) -> None:
    x, y, part_width, part_height = place(width, height, wanted)
    assert x + part_width / 2 == pytest.approx(0.5)
    assert y + part_height / 2 == pytest.approx(0.5)
    if wanted.resize != "stretch":
        assert part_width * width * wanted.height == pytest.approx(part_height * height * wanted.width)
        outer = max if wanted.resize == "crop" else min
        assert outer(part_width, part_height) == pytest.approx(1)


@given(sides, sides, specs)
def test_the_input_s_middle_maps_to_the_picture_s_middle(width: int, height: int, wanted: InputSpec) -> None:
    box = np.array([[0.4, 0.4, 0.6, 0.6]], np.float32)
    x0, y0, x1, y1 = place(width, height, wanted).to_picture(box)[0]
    assert (x0 + x1) / 2 == pytest.approx(0.5, abs=1e-4)
    assert (y0 + y1) / 2 == pytest.approx(0.5, abs=1e-4)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4), specs)
def test_a_box_never_leaves_the_picture(box: list[float], wanted: InputSpec) -> None:
    mapped = place(640, 480, wanted).to_picture(np.array([box], np.float32))
    assert np.all((mapped >= 0) & (mapped <= 1))


@given(st.integers(1, 2000), st.integers(1, 2000), specs)
def test_decoding_within_the_bounds_loses_no_detail(width: int, height: int, wanted: InputSpec) -> None:
    least_width, least_height = decode_bounds(PictureInfo("jpeg", width, height), wanted)
    placement = place(width, height, wanted)
    assert least_width == width or least_width * placement.width >= wanted.width * (1 - 1e-9)
    assert least_height == height or least_height * placement.height >= wanted.height * (1 - 1e-9)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
def test_a_scaled_decode_gives_nearly_the_tensor_of_a_full_one(resize: str) -> None:
    rows, columns = np.mgrid[0:480, 0:640]
    pixels = np.stack([rows // 2, columns // 3, (rows + columns) // 5], axis=2).astype(np.uint8)
    wanted = spec(96, 80, resize)
    from_file = prepare_input(encode_jpeg(pixels, quality=95), wanted).astype(np.float64)
    assert np.abs(from_file - prepare_input(pixels, wanted)).mean() < 1.5


@given(st.integers(1, 40), st.integers(1, 40), specs)
@settings(max_examples=50)
def test_every_picture_fills_every_input(width: int, height: int, wanted: InputSpec) -> None:
    tensor = prepare_input(flat(width, height, (255, 255, 255)), wanted)
    assert wanted.shape == tensor.shape
    filled = np.all(tensor == 255, axis=3)
    assert filled.any()
    assert filled.all() or wanted.resize == "letterbox"
