from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tui.picture import (
    PictureError,
    dim,
    fit_cells,
    open_picture,
    render_letters,
    scale_half_blocks,
)


def make_jpeg(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (200, 40, 40)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "JPEG")
    return out.getvalue()


def test_a_picture_is_opened_as_rgb() -> None:
    pixels = open_picture(make_jpeg())
    assert pixels.shape == (48, 64, 3)
    assert pixels[20, 20].tolist() == pytest.approx([200, 40, 40], abs=6)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(PictureError, match="the picture cannot be shown"):
        open_picture(data)


def test_half_a_picture_is_refused() -> None:
    data = make_jpeg(640, 480)
    with pytest.raises(PictureError):
        open_picture(data[: len(data) // 2])


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 300), st.integers(1, 100))
def test_a_picture_stays_within_its_cells(width: int, height: int, columns: int, rows: int) -> None:
    taken = fit_cells(np.zeros((height, width, 3), np.uint8), columns, rows)
    assert 1 <= taken[0] <= columns
    assert 1 <= taken[1] <= rows


def test_a_wide_picture_keeps_its_shape_in_cells_twice_as_high_as_wide() -> None:
    assert fit_cells(np.zeros((360, 640, 3), np.uint8), 64, 40) == (64, 18)


def test_a_cell_shows_one_pixel_above_another() -> None:
    assert scale_half_blocks(open_picture(make_jpeg()), 10, 6).shape == (12, 10, 3)


def test_without_colour_bright_and_dark_differ() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:, 10:] = 255
    assert render_letters(pixels, 4, 2) == ("  @@", "  @@")


def test_a_stale_picture_is_less_than_half_as_bright() -> None:
    assert dim(np.full((1, 1, 3), 200, np.uint8)).max() < 100


def test_the_first_screen_is_painted_without_what_only_pictures_the_network_and_other_screens_need() -> None:
    needless = {"numpy", "PIL", "nats", "tui.screens.camera", "tui.screens.help", "textual.widgets._footer"}
    script = f"import sys, cli.commands.top, tui.run, tui.screens.overview; print(*{needless!r} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == ""
