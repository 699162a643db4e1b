"""What a controller and its zygote say to each other: one packet each, with file descriptors beside the bytes."""

from __future__ import annotations

import msgspec

from controller.cameras.source import Kind

MAX_PACKET = 256  # bytes
DESCRIPTORS = 2  # that may come with one


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Load what sources of this kind need, and perhaps fork a reader.

    Then descriptors come with it: the reader's end of its socket, and where it prints.
    """

    number: int
    kind: Kind
    fork: bool


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A reader was forked, and its process file descriptor comes beside this; or it was not."""

    number: int  # of the order
    pid: int = 0
    errno: int = 0  # not 0: why there is none
