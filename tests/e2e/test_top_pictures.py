"""Pictures in terminals that speak Kitty's protocol, or Sixel, or neither, or do not answer at all."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from tests.e2e.terminal import Terminal, in_terminal

pytestmark = pytest.mark.e2e

KITTY_ASKED, CELL_ASKED, ATTRIBUTES_ASKED = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", b"\x1b[16t", b"\x1b[c"
CELL = {CELL_ASKED: b"\x1b[6;20;10t"}
KITTY = {KITTY_ASKED: b"\x1b_Gi=31;OK\x1b\\", **CELL, ATTRIBUTES_ASKED: b"\x1b[?62;c"}
SIXEL = {**CELL, ATTRIBUTES_ASKED: b"\x1b[?62;4;22c"}
NEITHER = {**CELL, ATTRIBUTES_ASKED: b"\x1b[?6c"}

KITTY_PICTURE = re.compile(rb"\x1b_G(a=T[^;]*);([^\x1b]*)\x1b\\((?:\x1b_Gm=[01];[^\x1b]*\x1b\\)*)\x1b8")
KITTY_ERASED = re.compile(rb"\x1b_Ga=d,d=I,i=\d+,q=2\x1b\\")
SIXEL_PICTURE = re.compile(rb'\x1b\[(\d+);(\d+)H\x1bP0;1q"1;1;(\d+);(\d+)((?:#\d+;2;[\d;]+)+)([^\x1b]+)\x1b\\')
HALF_BLOCK = re.compile("▀".encode() + rb".*?" + "▀".encode(), re.DOTALL)


def open_camera(terminal: Terminal) -> None:
    """Go to the first camera of the recorded session."""
    terminal.read_until("Nodes", "Cameras", "Models", "live")
    terminal.press("\t")
    terminal.press("\r")


def test_a_terminal_that_speaks_kitty_s_protocol_shows_a_real_picture_which_gives_way_to_a_question() -> None:
    with in_terminal("--demo", size=(120, 40), answers=KITTY) as terminal:
        open_camera(terminal)
        found = terminal.read_match(KITTY_PICTURE)
        about = dict(pair.split("=") for pair in found[1].decode().split(","))
        rest = re.findall(rb"\x1b_Gm=[01];([^\x1b]*)\x1b\\", found[3])
        picture = Image.open(io.BytesIO(base64.b64decode(b"".join([found[2], *rest]), validate=True)))
        picture.load()
        assert picture.width <= 10 * int(about["c"])
        assert abs(picture.width / picture.height - int(about["c"]) / (2 * int(about["r"]))) < 0.2
        terminal.press("x")
        terminal.read_match(KITTY_ERASED)
        terminal.press("n")
        terminal.read_match(KITTY_PICTURE)
        assert terminal.quit() == 0


def test_a_terminal_that_speaks_sixel_shows_a_picture_of_the_size_of_its_cells() -> None:
    with in_terminal("--demo", size=(120, 40), answers=SIXEL) as terminal:
        open_camera(terminal)
        found = terminal.read_match(SIXEL_PICTURE)
        row, column, width, height = (int(group) for group in found.groups()[:4])
        assert (width % 10, height % 20) == (0, 0)
        assert column - 1 + width // 10 <= 120
        assert row - 1 + height // 20 < 40
        assert found[6].count(b"-") == (height - 1) // 6
        assert terminal.quit() == 0


@pytest.mark.parametrize("answers", [NEITHER, {}], ids=["neither", "no answer"])
def test_any_other_terminal_shows_half_blocks_and_its_answers_are_no_keys(answers: dict[bytes, bytes]) -> None:
    with in_terminal("--demo", size=(120, 40), answers=answers) as terminal:
        open_camera(terminal)
        terminal.read_until("Camera", "Results")
        terminal.read_match(HALF_BLOCK)
        assert terminal.quit() == 0
