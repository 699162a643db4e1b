"""Pictures named on the command line: files, directories, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wire.errors import BadRequestError, TooLargeError

STDIN = "-"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to be sent; ``path`` is None for standard input."""

    name: str
    path: Path | None

    def read(self, limit: int) -> bytes:
        """Return its bytes; no more than ``limit`` are ever read.

        Raises:
            BadRequestError: it cannot be read.
            TooLargeError: it has more than ``limit`` bytes.

        """
        try:
            if self.path is None:
                data = sys.stdin.buffer.read(limit + 1)
            else:
                with self.path.open("rb") as file:
                    data = file.read(limit + 1)
        except OSError as error:
            raise BadRequestError(f"{self.name} cannot be read: {error.strerror}") from error
        if len(data) > limit:
            raise TooLargeError(
                f"{self.name} has more than the {limit} bytes that the NATS server takes",
                remedy="send a smaller picture, or raise max_payload on the server",
            )
        return data


def find_pictures(arguments: Iterable[str]) -> tuple[Picture, ...]:
    """Return what the arguments stand for; a directory for all JPEG and PNG files in and under it, sorted.

    Raises:
        BadRequestError: a path does not exist, a directory holds no picture, or standard input is named twice.

    """
    found: list[Picture] = []
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            if any(picture.path is None for picture in found):
                raise BadRequestError("standard input can be read only once", remedy="give `-` once")
            found.append(Picture("standard input", None))
        elif path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
            if not inside:
                raise BadRequestError(f"no picture is in {argument}", remedy=f"it needs {', '.join(sorted(SUFFIXES))}")
            found += [Picture(str(each), each) for each in inside]
        elif path.exists():
            found.append(Picture(argument, path))
        else:
            raise BadRequestError(f"{argument} does not exist", remedy="give pictures, directories, or `-`")
    return tuple(found)


def name_outputs(pictures: tuple[Picture, ...], out: Path) -> tuple[Path, ...]:
    """Return where each annotated picture goes: ``out`` itself for one, a file of its own in ``out`` for several."""
    if len(pictures) == 1 and not out.is_dir():
        return (out,)
    taken: set[str] = set()
    names = []
    for picture in pictures:
        stem = picture.path.stem if picture.path else "stdin"
        name, n = stem, 1
        while name in taken:
            n += 1
            name = f"{stem}-{n}"
        taken.add(name)
        names.append(out / f"{name}.jpg")
    return tuple(names)
