"""What every source is to the reader: an open feed of shots."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from controller.cameras.errors import BadPictureError
from controller.cameras.framing import Opened
from controller.cameras.pictures import Picture
from controller.cameras.spec import ReaderSpec


@dataclass(frozen=True, slots=True)
class Shot:
    """One thing that a source gave."""

    captured_at: float  # unix seconds
    # None: a packet came but gave no picture.
    picture: Picture | BadPictureError | None
    # Recorded sources: seconds since the start of the recording, monotonic over loops. None: live, no pacing.
    at: float | None = None


class Feed(Protocol):
    """An open source."""

    @property
    def opened(self) -> Opened:
        """What the source claims to be."""

    def shots(self) -> Iterator[Shot]:
        """Every shot until the source ends; blocks between them.

        Raises:
            SourceFaultError: when the source breaks.

        """

    def close(self) -> None:
        """Let the source go."""


def load(kind: str) -> None:
    """Load what sources of a kind need, before one is named; what is missing here is told when one is opened."""
    with contextlib.suppress(ImportError):
        importlib.import_module(f"controller.cameras.sources.{kind}")


def open_feed(spec: ReaderSpec) -> Feed:
    """Open a source; blocks for as long as its time-outs allow.

    Modules are imported here, one at a time, so that a reader loads no decoder that its source does not need.

    Raises:
        SourceFaultError: when it cannot be opened; says why and what to do.

    """
    match spec.source.kind:
        case "file":
            from controller.cameras.sources.file import FileFeed  # noqa: PLC0415 - loads FFmpeg

            return FileFeed(spec)
        case "rtsp":
            from controller.cameras.sources.rtsp import open_rtsp  # noqa: PLC0415 - loads FFmpeg

            return open_rtsp(spec)
        case "mjpeg":
            from controller.cameras.sources.mjpeg import open_mjpeg  # noqa: PLC0415 - loads FFmpeg

            return open_mjpeg(spec)
        case "usb":
            from controller.cameras.sources.usb import open_usb  # noqa: PLC0415 - loads FFmpeg

            return open_usb(spec)
        case "directory":
            from controller.cameras.sources.directory import DirectoryFeed  # noqa: PLC0415 - one kind, one import

            return DirectoryFeed(spec)
        case "synthetic":
            from controller.cameras.sources.synthetic import SyntheticFeed  # noqa: PLC0415 - one kind, one import

            return SyntheticFeed(spec)
        case "push":
            raise ValueError("pushed frames come over NATS: a push source has no reader")
