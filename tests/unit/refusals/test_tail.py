"""Following a file that is written, replaced, cut and left alone, on a real disk."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.refusals import tail as module
from wire.refusals.tail import MAX_LINE, Place, Tail

WITHIN_S = 20.0


@pytest.fixture(autouse=True)
def _polled_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.001)


@asynccontextmanager
async def tailing(path: Path, place: Place | None = None) -> AsyncIterator[tuple[Tail, AsyncIterator[str]]]:
    with contextlib.closing(await Tail.open(path, place)) as tail:
        async with asyncio.timeout(WITHIN_S):
            yield tail, tail.lines()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def put_aside(path: Path, name: str) -> None:
    path.rename(path.with_suffix(f".{name}"))


async def test_what_was_there_before_is_not_told_and_what_comes_is(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, "old\n")
    async with tailing(path) as (_, lines):
        append(path, "one\ntwo\nthr")
        assert [await anext(lines), await anext(lines)] == ["one", "two"]
        append(path, "ee\n")
        assert await anext(lines) == "three"


async def test_a_file_that_is_not_there_yet_is_waited_for_and_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with tailing(path) as (_, lines):
        first = asyncio.ensure_future(anext(lines))
        await asyncio.wait([first], timeout=0.05)
        append(path, "one\n")
        assert await first == "one"


async def test_no_line_is_missed_that_was_written_right_before_the_file_was_replaced(tmp_path: Path) -> None:
    """Whoever floods the log, so that it is replaced, must not hide what they did in between."""
    path = tmp_path / "log"
    append(path, "")
    async with tailing(path) as (_, lines):
        append(path, "one\n")
        assert await anext(lines) == "one"
        append(path, "two\nlast")
        path.rename(tmp_path / "log.1")
        append(path, "three\n")
        assert [await anext(lines) for _ in range(3)] == ["two", "last", "three"]


async def test_a_file_that_was_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, "a long line of old\n")
    async with tailing(path) as (_, lines):
        path.write_text("new\n")
        assert await anext(lines) == "new"


async def test_reading_goes_on_where_another_reader_was_and_told_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, "old\n")
    async with tailing(path) as (tail, lines):
        append(path, "one\nhal")
        assert await anext(lines) == "one"
        waiting = asyncio.ensure_future(anext(lines))
        while tail.place == Place(path.stat().st_ino, len("old\n")):
            await asyncio.wait([waiting], timeout=0.001)
        place = tail.place
        waiting.cancel()
    append(path, "f\ntwo\n")
    async with tailing(path, place) as (_, lines):
        assert [await anext(lines), await anext(lines)] == ["half", "two"]


@pytest.mark.parametrize("change", ["replaced", "cut"])
async def test_a_place_in_a_file_that_is_another_now_is_none(tmp_path: Path, change: str) -> None:
    path = tmp_path / "log"
    append(path, "a long line of old\n")
    place = Place(path.stat().st_ino, path.stat().st_size)
    if change == "replaced":
        path.rename(tmp_path / "log.1")
    path.write_text("new\n")
    async with tailing(path, place) as (_, lines):
        assert await anext(lines) == "new"


async def test_of_a_line_without_an_end_little_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, "")
    async with tailing(path) as (_, lines):
        append(path, "x" * (3 << 20) + "\n")
        assert len(await anext(lines)) <= (1 << 20) + MAX_LINE


Step = tuple[str, str]
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "replace", "read"]), st.text("ab", min_size=1, max_size=5)), max_size=20
)


@given(STEPS)
def test_every_line_is_told_once_and_in_order_however_often_the_file_is_replaced(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(follow_steps(Path(directory, "log"), steps))


async def follow_steps(path: Path, steps: list[Step]) -> None:
    append(path, "")
    written: list[str] = []
    told: list[str] = []
    async with tailing(path) as (_, lines):
        for number, (step, word) in enumerate(steps):
            if step == "write":
                append(path, f"{word}\n")
                written.append(word)
                continue
            while len(told) < len(written):
                told.append(await anext(lines))
            if step == "replace":  # not twice between two looks: a log of megabytes is not full as quickly
                append(path, f"last of {number}\n")
                put_aside(path, str(number))
                append(path, f"first after {number}\n")
                written += [f"last of {number}", f"first after {number}"]
        while len(told) < len(written):
            told.append(await anext(lines))
    assert written == told
