"""Can this terminal show real pictures? It is asked before the dashboard begins, while that is still being imported.

Three questions go out at once: one of Kitty's protocol, the size of a cell, and last what every terminal answers (DA1,
ECMA-48's device attributes). Terminals answer in order, so nobody waits for an answer that will not come: when the last
one is there, the others were, too (https://sw.kovidgoyal.net/kitty/graphics-protocol/#querying-support-and-available-transmission-mediums).
Asked from within the dashboard, the answers would come in as keys.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

NEAR_S, FAR_S = 0.3, 1.0
"""How long a terminal has to answer, here and at the other end of an ssh: only one that never does makes us wait."""
MAX_ANSWER = 4096  # bytes
MAX_CELL = 256  # pixels a side

_KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_CELL = "\x1b[16t"
_ATTRIBUTES = "\x1b[c"
_SIXEL = b"4"  # among the attributes

_MUTE = ("dumb", "linux", "vt")
"""Terminals, by how their names begin, that show no pictures and may write what they do not know."""
_RELAYS = ("tmux", "screen")
"""They answer for the terminal around them, and take no pictures in Kitty's protocol."""

_KITTY_ANSWER = re.compile(rb"\x1b_G([^\x1b]{0,200})\x1b\\")
_CELL_ANSWER = re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
_ATTRIBUTES_ANSWER = re.compile(rb"\x1b\[\?([\d;]{0,100})c")


class Graphics(NamedTuple):
    """What a terminal can show: pictures in one of the protocols, or cells only; a cell's size is in pixels."""

    protocol: Literal["kitty", "sixel", ""] = ""
    cell_width: int = 0
    cell_height: int = 0


CELLS = Graphics()
"""Cells only."""


def read_answers(data: bytes, cell: tuple[int, int] = (0, 0)) -> Graphics | None:
    """Return what a terminal has said of itself; None while its last answer is missing.

    Where it tells no size of its cells, ``cell`` is their width and height, if that is known.
    """
    attributes = _ATTRIBUTES_ANSWER.search(data)
    if attributes is None:
        return None
    told = _CELL_ANSWER.search(data)
    width, height = (int(told[2]), int(told[1])) if told else cell
    if not (1 <= width <= MAX_CELL and 1 <= height <= MAX_CELL):
        return CELLS  # without it a picture may cover what stands beside it
    kitty = _KITTY_ANSWER.search(data)
    if kitty and kitty[1].endswith(b";OK"):
        return Graphics("kitty", width, height)
    return Graphics("sixel", width, height) if _SIXEL in attributes[1].split(b";")[1:] else CELLS


def choose_questions(environment: Mapping[str, str]) -> str:
    """Return what to ask a terminal by the environment: nothing, all, or what may be asked of one within another."""
    name = environment.get("TERM", "")
    if not name or name.startswith(_MUTE) or "NO_COLOR" in environment or "TEXTUAL_DRIVER" in environment:
        return ""
    relayed = "TMUX" in environment or "STY" in environment or name.startswith(_RELAYS)
    return ("" if relayed else _KITTY) + _CELL + _ATTRIBUTES


def measure_cell(fileno: int) -> tuple[int, int]:
    """Return a cell's width and height in pixels as the terminal's driver knows them; zeros where it does not."""
    lines, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(fileno, termios.TIOCGWINSZ, bytes(8)))
    return (width // columns, height // lines) if columns and lines else (0, 0)


@dataclass
class Question:
    """A terminal that has been asked; until it has answered it shows nothing that comes in."""

    _input: int
    _before: list[Any] | None  # the terminal's settings; None: nobody was asked
    _deadline: float
    _heard: bytes = b""

    @classmethod
    def ask(cls) -> Self:
        """Ask the terminal that this program runs in, if it is one."""
        questions = choose_questions(os.environ)
        if not questions or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return cls(-1, None, 0.0)
        fileno = sys.stdin.fileno()
        before = termios.tcgetattr(fileno)
        quiet = list(before)
        quiet[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(fileno, termios.TCSANOW, quiet)
        patience = FAR_S if "SSH_CONNECTION" in os.environ else NEAR_S
        sys.stderr.write(questions)  # that is where Textual writes
        sys.stderr.flush()
        return cls(fileno, before, time.monotonic() + patience)

    def settle(self) -> Graphics:
        """Wait for the answers, and give the terminal back; the second time there is nothing more to say."""
        if self._before is None:
            return CELLS
        found: Graphics | None = None
        try:
            while found is None and len(self._heard) < MAX_ANSWER:
                left = max(0.0, self._deadline - time.monotonic())
                if not select.select([self._input], [], [], left)[0]:
                    break
                more = os.read(self._input, MAX_ANSWER)
                if not more:
                    break
                self._heard += more
                found = read_answers(self._heard, measure_cell(self._input))
        finally:
            termios.tcsetattr(self._input, termios.TCSAFLUSH, self._before)
            self._before = None
        return found or CELLS
