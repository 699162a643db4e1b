"""What a terminal says of itself, and pictures in the protocols that some speak."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tui.graphics import CELLS, Graphics, choose_questions, read_answers
from tui.kitty import CHUNK, draw_kitty, fit_pixels
from tui.picture import Pixels
from tui.sixel import COLOURS, draw_sixel

OK, CELL = b"\x1b_Gi=31;OK\x1b\\", b"\x1b[6;20;10t"
PLAIN, SIXEL = b"\x1b[?62;22c", b"\x1b[?62;4;22c"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (OK + CELL + PLAIN, Graphics("kitty", 10, 20)),
        (OK + CELL + SIXEL, Graphics("kitty", 10, 20)),
        (CELL + SIXEL, Graphics("sixel", 10, 20)),
        (b"jk" + CELL + SIXEL + b"q", Graphics("sixel", 10, 20)),  # somebody typed meanwhile
        (CELL + PLAIN, CELLS),
        (b"\x1b_Gi=31;ENODATA:no\x1b\\" + CELL + PLAIN, CELLS),
        (CELL + b"\x1b[?4c", CELLS),  # the first number is the terminal's class
        (OK + b"\x1b[6;0;0t" + PLAIN, CELLS),
        (OK + b"\x1b[6;9999;9999t" + PLAIN, CELLS),
        (OK + PLAIN, CELLS),
        (OK + CELL, None),
        (b"", None),
    ],
)
def test_a_terminal_is_taken_at_its_word_once_its_last_answer_is_there(said: bytes, found: Graphics | None) -> None:
    assert read_answers(said) == found


def test_where_a_terminal_tells_no_size_of_its_cells_its_driver_may_know() -> None:
    assert read_answers(OK + PLAIN, (8, 16)) == Graphics("kitty", 8, 16)


@given(st.lists(st.sampled_from([OK, CELL, PLAIN, SIXEL]) | st.binary(max_size=40), max_size=8).map(b"".join))
def test_whatever_comes_is_read_without_a_fault(said: bytes) -> None:
    found = read_answers(said)
    assert found is None or found == CELLS or (1 <= found.cell_width <= 256 and 1 <= found.cell_height <= 256)


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({"TERM": "xterm-kitty"}, "all"),
        ({"TERM": "xterm-256color", "SSH_CONNECTION": "x"}, "all"),
        ({"TERM": "tmux-256color"}, "no kitty"),
        ({"TERM": "xterm-256color", "TMUX": "/tmp/tmux"}, "no kitty"),
        ({"TERM": "screen"}, "no kitty"),
        ({"TERM": "linux"}, ""),
        ({"TERM": "dumb"}, ""),
        ({}, ""),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, ""),
        ({"TERM": "xterm-kitty", "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}, ""),
    ],
)
def test_a_terminal_is_asked_only_what_it_takes_for_a_question(environment: dict[str, str], asked: str) -> None:
    questions = choose_questions(environment)
    assert bool(questions) == bool(asked)
    assert ("\x1b_G" in questions) == (asked == "all")
    assert not questions or questions.endswith("\x1b[c")  # everybody answers the last one


def make_pixels(width: int, height: int, seed: int = 0) -> Pixels:
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))[:height, :width])


def test_a_picture_in_kitty_s_protocol_comes_whole_in_pieces_that_terminals_take() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    drawn = draw_kitty(pixels, 2, 3, 40, 15, number=7)
    assert drawn.startswith("\x1b7\x1b[4;3H")
    assert drawn.endswith("\x1b8")
    commands = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", drawn)
    assert len(commands) > 2
    assert all(len(data) <= CHUNK for _, data in commands)
    assert "c=40,r=15" in commands[0][0]
    assert [about[-3:] for about, _ in commands] == ["m=1"] * (len(commands) - 1) + ["m=0"]
    picture = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in commands))))
    assert picture.size == (160, 120)
    assert np.abs(np.asarray(picture.convert("RGB"), int) - pixels).mean() < 30


def test_a_picture_is_made_smaller_than_it_is_but_not_larger() -> None:
    pixels = make_pixels(64, 48)
    assert fit_pixels(pixels, 640, 480) is pixels
    assert fit_pixels(pixels, 32, 24).shape == (24, 32, 3)


def read_sixels(drawn: str) -> Pixels:
    """Draw sixels as a terminal does."""
    found = re.search('\x1bP0;1q"1;1;(\\d+);(\\d+)(.*)\x1b\\\\', drawn, re.DOTALL)
    assert found
    width, height = int(found[1]), int(found[2])
    image = np.zeros((height + 6, width, 3), np.uint8)
    colours: dict[int, tuple[int, ...]] = {}
    x = y = colour = 0
    for select, rgb, count, run, sixel, control in re.findall(
        "#(\\d+)(?:;2;([\\d;]+))?|!(\\d+)([?-~])|([?-~])|([$-])", found[3]
    ):
        if select:
            colour = int(select)
            if rgb:
                colours[colour] = tuple(round(int(part) * 255 / 100) for part in rgb.split(";"))
        elif control:
            x, y = 0, y + 6 * (control == "-")
        else:
            length = int(count or 1)
            for bit in range(6):
                if (ord(run or sixel) - 63) >> bit & 1:
                    image[y + bit, x : x + length] = colours[colour]
            x += length
    assert not image[height:].any()
    return image[:height]


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 9))
def test_sixels_read_back_are_the_picture_in_fewer_colours(width: int, height: int, seed: int) -> None:
    pixels = make_pixels(width, height, seed)
    reduced = Image.fromarray(pixels).quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    drawn = draw_sixel(pixels, 4, 5, width, height)
    assert drawn.startswith("\x1b7\x1b[6;5H")
    assert np.abs(read_sixels(drawn).astype(int) - np.asarray(reduced.convert("RGB"), int)).max() <= 2


def test_sixels_scale_a_picture_to_the_pixels_of_its_cells() -> None:
    assert read_sixels(draw_sixel(make_pixels(64, 48), 0, 0, 100, 60)).shape == (60, 100, 3)
