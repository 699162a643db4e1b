"""Artefacts on disk, by digest. Several agents may share the folder: files appear whole, by a rename."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelkit.digest import sha256_file
from wire.errors import InternalError, ModelRejectedError

_log = logging.getLogger("bramble.agent")


class Source(Protocol):
    """Where artefacts come from: the object store."""

    async def get_file(self, digest: str, path: Path, *, within: float = 120.0) -> None:
        """Write the blob into the file."""

    async def get_bytes(self, name: str, *, limit: int, within: float = 10.0) -> bytes | None:
        """Return a small blob, or None."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the cache."""

    digest: str
    bytes: int
    used_at: float


def choose_evictions(
    entries: Iterable[Entry], *, limit: int, needed: int, keep: Collection[str]
) -> tuple[tuple[str, ...], int]:
    """Return which digests have to go so that ``needed`` more bytes fit, longest unused first, and what is then free.

    Those in ``keep`` stay, so that less than ``needed`` may be free in the end.
    """
    entries = sorted(entries, key=lambda entry: entry.used_at)
    free = limit - sum(entry.bytes for entry in entries)
    gone = []
    for entry in entries:
        if free >= needed:
            break
        if entry.digest not in keep:
            gone.append(entry.digest)
            free += entry.bytes
    return tuple(gone), free


class Cache:
    """``<root>/sha256/<hex>``, at most ``limit`` bytes."""

    def __init__(self, root: Path, limit: int) -> None:
        self.folder = root / "sha256"
        self._limit = limit

    def open(self) -> None:
        """Make the folder, and clear away what was abandoned.

        Raises:
            InternalError: it cannot be written.

        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for part in self.folder.glob(".*.part"):
                if _is_abandoned(part):
                    part.unlink(missing_ok=True)
            if not os.access(self.folder, os.W_OK):
                raise PermissionError(13, "not writable")
        except OSError as error:
            raise InternalError(
                f"the cache {self.folder} cannot be used: {error.strerror}",
                remedy="give --cache a directory that the agent's user can write",
            ) from error

    def is_proved(self, digest: str, fingerprint: str) -> bool:
        """Tell whether an artefact was proved in the circumstances that the fingerprint stands for."""
        return self._proof(digest, fingerprint).exists()

    def note_proof(self, digest: str, fingerprint: str) -> None:
        """Remember that it was."""
        try:
            self._proof(digest, fingerprint).touch()
        except OSError as error:  # it only has to be proved again at the next start
            _log.warning("a proof was not noted", extra={"action": "note_proof", "error": repr(error)})

    def forget_proofs(self, digest: str) -> None:
        """Have an artefact proved again before it is next loaded."""
        for path in self.folder.glob(f"{digest}.*.proof"):
            path.unlink(missing_ok=True)

    async def fetch(self, digest: str, size: int, source: Source, *, keep: Collection[str]) -> Path:
        """Return the artefact's file, from the disk if it is whole there.

        Args:
            digest: its SHA-256.
            size: its bytes, as its manifest says.
            source: where it comes from when it is not there.
            keep: digests that must not be evicted.

        Raises:
            ModelRejectedError: what came is not what the digest promises, or there is nothing of that name.
            BusError: it did not come.
            InternalError: the disk is full or cannot be written.

        """
        path = self.folder / digest
        try:
            if await asyncio.to_thread(_is_whole, path, digest):
                os.utime(path)
                return path
            return await self._download(path, digest, size, source, keep)
        except OSError as error:
            raise InternalError(
                f"the cache {self.folder} failed: {error.strerror}", remedy="look at the disk: is it full?"
            ) from error

    async def _download(self, path: Path, digest: str, size: int, source: Source, keep: Collection[str]) -> Path:
        await asyncio.to_thread(self._make_room, size, keep)
        part = self.folder / f".{digest}.{os.getpid()}.part"
        with _claim(part):
            try:
                await _fill(part, digest, size, source)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return path

    def _make_room(self, needed: int, keep: Collection[str]) -> None:
        gone, free = choose_evictions(self._entries(), limit=self._limit, needed=needed, keep=keep)
        if free < needed:
            raise ModelRejectedError(
                f"{needed} bytes do not fit into the cache: {free} of {self._limit} are free",
                remedy="give the agent a larger --cache-mib, or the node fewer models",
            )
        for digest in gone:
            # Another agent may have it mapped: an unlinked file lives on until it is closed.
            _log.info("evicted", extra={"action": "evict", "digest": digest})
            (self.folder / digest).unlink(missing_ok=True)
            self.forget_proofs(digest)

    def _proof(self, digest: str, fingerprint: str) -> Path:
        return self.folder / f"{digest}.{fingerprint[:32]}.proof"

    def _entries(self) -> list[Entry]:
        entries = []
        for path in self.folder.iterdir():
            if path.name.startswith(".") or path.suffix == ".proof":
                continue
            try:
                found = path.stat()
            except FileNotFoundError:  # another agent evicted it just now
                continue
            entries.append(Entry(path.name, found.st_size, found.st_mtime))
        return entries


async def _fill(part: Path, digest: str, size: int, source: Source) -> None:
    await source.get_file(digest, part)
    found = await asyncio.to_thread(sha256_file, part)
    if found != digest:
        came = (await asyncio.to_thread(part.stat)).st_size
        raise ModelRejectedError(
            f"the artefact {digest[:12]} has the digest {found[:12]} ({came} of {size} bytes)",
            remedy="push the model again with `bramble model push`",
        )
    await asyncio.to_thread(_sync, part)


@contextmanager
def _claim(part: Path) -> Iterator[None]:
    """Hold a lock on a half download for as long as it is under way; it ends with its process, however that ends."""
    with part.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_abandoned(part: Path) -> bool:
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):  # it is under way, or was just ended
        return False
    return True


def _is_whole(path: Path, digest: str) -> bool:
    """Read the file again: memory cards lose bits."""
    try:
        return sha256_file(path) == digest
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
