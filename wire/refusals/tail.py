"""Follows a file that another program writes to, and replaces when it has grown."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Literal

import msgspec

POLL_S = 0.5
READ = 1 << 20
MAX_LINE = 16_384

_log = logging.getLogger("bramble.audit")


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a file was read: which one it is, and how many bytes of it."""

    inode: int
    offset: int


class Tail:
    """The lines that are added to a file. The old file is read to its end before a new one is begun."""

    def __init__(self, path: Path, file: IO[bytes] | None) -> None:
        self.path = path
        self._file = file
        self._rest = b""
        self.place: Place | None = None
        """Behind the last line that was told, and came from a file that is there."""

    @classmethod
    async def open(cls, path: Path, place: Place | None = None) -> Tail:
        """Begin at ``place``, or where there is none at the end: what was there before was told when it was written.

        A file that is not the one of ``place``, or has been cut since, is read from its beginning. One that cannot be
        opened yet is waited for.
        """
        tail = cls(path, await asyncio.to_thread(_open, path))
        if tail._file is not None:
            found = os.fstat(tail._file.fileno())
            if place is None:
                begin = found.st_size
            else:
                begin = place.offset if place.inode == found.st_ino and place.offset <= found.st_size else 0
            tail._file.seek(begin)
            tail.place = Place(found.st_ino, begin)
        return tail

    async def lines(self) -> AsyncIterator[str]:
        """Yield the lines as they come, for ever, and close the file then; of one that is too long only the end."""
        try:
            while True:
                data, begun_anew = await asyncio.to_thread(self._read)
                if begun_anew and self._rest:
                    yield self._rest.decode("utf-8", errors="replace")
                    self._rest = b""
                *lines, rest = (self._rest + data).split(b"\n")
                self._rest = rest[-MAX_LINE:]
                for line in lines:
                    yield line.decode("utf-8", errors="replace")
                if self._file is not None and (data or begun_anew):
                    self.place = Place(os.fstat(self._file.fileno()).st_ino, self._file.tell() - len(rest))
                if not data:
                    await asyncio.sleep(POLL_S)
        finally:
            self.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a file that can be read."""
        return self._file is not None

    def close(self) -> None:
        """Read no more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> tuple[bytes, bool]:
        """Return what was added, and whether that is the beginning of another file than before."""
        if self._file is None:
            return self._begin()
        data = self._file.read(READ)
        if data or not (change := self._find_change()):
            return data, False
        if change == "cut":
            self._file.seek(0)
            return self._file.read(READ), True
        if data := self._file.read(READ):  # written before the new file was there, after we looked
            return data, False
        self._file.close()
        return self._begin()

    def _begin(self) -> tuple[bytes, bool]:
        self._file = _open(self.path)
        return (self._file.read(READ), True) if self._file else (b"", False)

    def _find_change(self) -> Literal["", "cut", "replaced"]:
        """Tell what became of the file that was read to its end."""
        if self._file is None:
            return ""
        own = os.fstat(self._file.fileno())
        try:
            found = self.path.stat()
        except OSError:
            return ""  # between two files
        if (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):
            return "replaced"
        return "cut" if own.st_size < self._file.tell() else ""


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        _log.debug("the file cannot be read", extra={"action": "follow", "file": str(path), "error": str(error)})
        return None
