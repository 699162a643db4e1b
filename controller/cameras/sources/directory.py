"""A directory of pictures, shown one after the other in natural order."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from controller.cameras.errors import BadPictureError, Fault, FaultKind, SourceFaultError
from controller.cameras.framing import Opened
from controller.cameras.pictures import ArrayPicture, JpegPicture, Picture, check_size
from controller.cameras.sources.feed import Shot
from controller.cameras.spec import ReaderSpec

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
_FPS = 1.0
_MAX_FILE = 64 * 1024 * 1024  # bytes


def natural_key(name: str) -> list[tuple[int, str]]:
    """A sort key that puts ``shot9`` before ``shot10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts]


def load_picture(path: Path) -> Picture:
    """Read one picture; JPEGs stay as they are.

    Raises:
        BadPictureError: when the file is none, or too large.

    """
    try:
        _check_file_size(path)
        if path.suffix.lower() in _JPEG_SUFFIXES:
            return JpegPicture(path.read_bytes())
        with Image.open(path) as image:
            check_size(image.width, image.height)
            return ArrayPicture(np.asarray(image.convert("RGB")))
    except UnidentifiedImageError as error:
        raise BadPictureError(f"{path} is not a picture") from error
    except BadPictureError as error:
        raise BadPictureError(f"{path}: {error.message}", remedy=error.remedy) from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow's decoders raise on broken files
        raise BadPictureError(f"{path} cannot be read: {error}") from error


def _check_file_size(path: Path) -> None:
    size = path.stat().st_size
    if size > _MAX_FILE:
        raise BadPictureError(f"{size} bytes are more than {_MAX_FILE}")


class DirectoryFeed:
    """The pictures that are in the directory when it is opened."""

    def __init__(self, spec: ReaderSpec) -> None:
        directory = Path(spec.source.target)
        try:
            found = [entry for entry in directory.iterdir() if entry.suffix.lower() in SUFFIXES]
        except FileNotFoundError as error:
            raise SourceFaultError(
                Fault(FaultKind.NOT_FOUND, f"there is no directory {directory}", "check the path on the controller")
            ) from error
        except NotADirectoryError as error:
            raise SourceFaultError(
                Fault(FaultKind.NOT_FOUND, f"{directory} is a file", "use file:// for a single file")
            ) from error
        except PermissionError as error:
            raise SourceFaultError(
                Fault(
                    FaultKind.NO_PERMISSION,
                    f"the controller may not read {directory}",
                    "let the controller's user read it",
                )
            ) from error
        if not found:
            suffixes = " ".join(sorted(SUFFIXES))
            raise SourceFaultError(Fault(FaultKind.NOT_FOUND, f"no picture in {directory}", f"put in some: {suffixes}"))
        self._paths = sorted(found, key=lambda path: natural_key(path.name))
        self._fps = spec.source.fps or _FPS
        self._loop = spec.source.loop
        self.opened = Opened("pictures", 0, 0, self._fps)

    def shots(self) -> Iterator[Shot]:
        """One shot a file, broken ones included."""
        number = 0
        while True:
            for path in self._paths:
                yield Shot(time.time(), _load_or_say(path), number / self._fps)
                number += 1
            if not self._loop:
                return

    def close(self) -> None:
        """Nothing is held."""


def _load_or_say(path: Path) -> Picture | BadPictureError:
    try:
        return load_picture(path)
    except BadPictureError as error:
        return error
