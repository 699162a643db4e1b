"""Parsers with faults planted in them: a campaign that does not find these finds nothing."""

from __future__ import annotations

import ctypes
import threading

from tests.fuzz.parsers import Parser


def sample() -> tuple[bytes, ...]:
    """Return the one sample."""
    return (b"0123456789abcdef",)


def refuse(data: bytes) -> None:
    """Refuse everything, properly."""
    raise ValueError(data)


def raise_another(data: bytes) -> None:
    """Raise what is not allowed where the first byte is a certain one."""
    if data[:1] > b"0":
        raise KeyError(data[0])


def crash(data: bytes) -> None:
    """Take the process down, as native code does."""
    if data[:1] > b"0":
        ctypes.string_at(0)


def hang(data: bytes) -> None:
    """Never come back."""
    if data[:1] > b"0":
        threading.Event().wait()


REFUSES = Parser("refuses", refuse, (ValueError,), sample)
RAISES = Parser("raises", raise_another, (ValueError,), sample)
CRASHES = Parser("crashes", crash, (ValueError,), sample)
HANGS = Parser("hangs", hang, (ValueError,), sample)
