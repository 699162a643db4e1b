"""Artefacts on disk: whole or absent, bounded, shared."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.cache import Cache, Entry, choose_evictions
from modelkit.digest import sha256_bytes
from wire.errors import InternalError, ModelRejectedError


@dataclass
class Blobs:
    """A source of bytes, by digest; it counts."""

    data: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    async def get_file(self, digest: str, path: Path, *, within: float = 120.0) -> None:  # noqa: ARG002 - a source's signature
        self.asked.append(digest)
        path.write_bytes(self.data[digest])  # noqa: ASYNC240 - a few bytes


def blobs(*contents: bytes) -> Blobs:
    return Blobs({sha256_bytes(content): content for content in contents})


def open_cache(root: Path, limit: int = 1000) -> Cache:
    cache = Cache(root, limit)
    cache.open()
    return cache


def names(cache: Cache) -> set[str]:
    return {path.name for path in cache.folder.iterdir()}


async def test_an_artefact_is_fetched_once(tmp_path: Path) -> None:
    source = blobs(b"model")
    (digest,) = source.data
    cache = open_cache(tmp_path)
    for _ in range(2):
        path = await cache.fetch(digest, 5, source, keep=())
        assert path.read_bytes() == b"model"
    assert source.asked == [digest]


async def test_the_longest_unused_goes_first_and_takes_its_proofs_along(tmp_path: Path) -> None:
    source = blobs(b"a" * 400, b"b" * 400, b"c" * 400)
    first, second, third = source.data
    cache = open_cache(tmp_path)
    for age, digest in ((20, first), (10, second)):
        path = await cache.fetch(digest, 400, source, keep=())
        used = path.stat().st_mtime - age
        os.utime(path, (used, used))
    cache.note_proof(first, "f" * 64)
    await cache.fetch(third, 400, source, keep=())
    assert names(cache) == {second, third}


async def test_what_is_in_use_is_not_evicted(tmp_path: Path) -> None:
    source = blobs(b"a" * 600, b"b" * 600)
    first, second = source.data
    cache = open_cache(tmp_path)
    await cache.fetch(first, 600, source, keep=())
    with pytest.raises(ModelRejectedError, match="600 bytes do not fit into the cache: 400 of 1000 are free") as caught:
        await cache.fetch(second, 600, source, keep={first})
    assert "--cache-mib" in caught.value.remedy
    assert names(cache) == {first}


async def test_what_does_not_have_its_digest_leaves_nothing_behind(tmp_path: Path) -> None:
    digest = sha256_bytes(b"model")
    cache = open_cache(tmp_path)
    with pytest.raises(ModelRejectedError, match="has the digest"):
        await cache.fetch(digest, 5, Blobs({digest: b"other"}), keep=())
    assert names(cache) == set()


async def test_a_proof_holds_for_its_circumstances_only(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    cache.note_proof("d" * 64, "1" * 64)
    assert cache.is_proved("d" * 64, "1" * 64)
    assert not cache.is_proved("d" * 64, "2" * 64)
    cache.forget_proofs("d" * 64)
    assert not cache.is_proved("d" * 64, "1" * 64)


async def test_half_downloads_are_cleared_away_once_nobody_is_at_them(tmp_path: Path) -> None:
    cache = open_cache(tmp_path)
    (cache.folder / ".old.1.part").touch()
    seen: list[set[str]] = []

    class Watched(Blobs):
        async def get_file(self, digest: str, path: Path, *, within: float = 120.0) -> None:
            open_cache(tmp_path)  # another agent starts meanwhile
            seen.append(names(cache))
            await super().get_file(digest, path, within=within)

    data = b"whole"
    await cache.fetch(sha256_bytes(data), len(data), Watched({sha256_bytes(data): data}), keep=())
    assert seen == [{f".{sha256_bytes(data)}.{os.getpid()}.part"}]
    assert names(cache) == {sha256_bytes(data)}


def test_a_cache_that_cannot_be_made_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InternalError, match="cannot be used") as caught:
        open_cache(tmp_path / "file")
    assert "--cache" in caught.value.remedy


ENTRIES = st.lists(
    st.builds(Entry, st.text("0123456789abcdef", min_size=4, max_size=4), st.integers(1, 500), st.floats(0, 1e9)),
    unique_by=lambda entry: entry.digest,
    max_size=8,
)


@given(ENTRIES, st.integers(0, 2000), st.integers(0, 1000), st.data())
def test_evictions_make_room_without_touching_what_is_kept(
    entries: list[Entry], limit: int, needed: int, data: st.DataObject
) -> None:
    keep = {entry.digest for entry in entries if data.draw(st.booleans())}
    gone, free = choose_evictions(entries, limit=limit, needed=needed, keep=keep)
    assert not keep & set(gone)
    assert free == limit - sum(entry.bytes for entry in entries if entry.digest not in gone)
    if free < needed:
        assert {entry.digest for entry in entries} == keep | set(gone)
