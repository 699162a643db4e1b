"""What `bramble submit` does, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.pictures import Picture
from cli.submission import AT_ONCE, Submission, Submitter
from tests.jobs_testing.restarting_broker import RestartingBroker
from wire.bus import Bus, FullError, Stream, StreamSpec
from wire.errors import BusError

Make = Callable[[int], bytes]


@pytest.fixture
def folder(tmp_path: Path, picture: Make) -> Path:
    for n in range(40):
        (tmp_path / f"{n:02}.jpg").write_bytes(picture(n))
    return tmp_path


def pictures(folder: Path) -> list[Picture]:
    return [Picture(path.name, path) for path in sorted(folder.glob("*.jpg"))]


async def make_queue(bus: Bus, *, messages: int = -1) -> Stream:
    return await Stream.ensure(
        bus.data, StreamSpec("jobs", ("jobs.m.*.*",), max_bytes=1 << 24, max_messages=messages, work_queue=True)
    )


class Watch:
    """A submitter, and what it told."""

    def __init__(self, queue: Stream, *, patience_s: float, ended: frozenset[str] = frozenset()) -> None:
        self.found = Submission("b", "m")
        self.troubles: list[str] = []
        self.in_trouble = asyncio.Event()
        self.submitter = Submitter(
            queue,
            Stream(queue.link, "outcomes"),
            self.found,
            ended=ended,
            headers={},
            patience_s=patience_s,
            on_step=lambda: None,
            on_trouble=self._note,
        )

    def _note(self, text: str) -> None:
        self.troubles.append(text)
        (self.in_trouble.set if text else self.in_trouble.clear)()


async def test_a_full_queue_is_told_with_what_was_taken_and_no_picture_is_read_ahead(bus: Bus, folder: Path) -> None:
    queue = await make_queue(bus, messages=10)
    watch = Watch(queue, patience_s=0.0)
    drawn = 0

    def draw() -> Iterator[Picture]:
        nonlocal drawn
        for each in pictures(folder):
            drawn += 1
            yield each

    with pytest.raises(ExceptionGroup) as caught:
        await watch.submitter.submit(draw())
    assert caught.group_contains(FullError, match="maximum messages exceeded")
    assert watch.found.sent == (await queue.state()).messages == 10
    assert drawn <= 10 + AT_ONCE


async def test_a_submitter_waits_for_room_and_goes_on(bus: Bus, folder: Path) -> None:
    queue = await make_queue(bus, messages=10)
    watch = Watch(queue, patience_s=30.0)
    submitting = asyncio.create_task(watch.submitter.submit(pictures(folder)))
    async with asyncio.timeout(20):
        await watch.in_trouble.wait()
        assert "full" in watch.troubles[0]
        while not submitting.done():
            await queue.purge("jobs.>")
            await asyncio.sleep(0)
    await submitting
    assert watch.found.sent == 40
    assert watch.troubles[-1] == ""


async def test_a_restart_of_the_server_midway_is_waited_for_and_doubles_nothing(
    restarting: RestartingBroker, folder: Path
) -> None:
    async with Bus.connect(restarting.context, name="test") as bus:
        queue = await make_queue(bus)
        watch = Watch(queue, patience_s=30.0)
        half = pictures(folder)[:20]
        await watch.submitter.submit(half)
        restarting.kill()
        submitting = asyncio.create_task(watch.submitter.submit(pictures(folder)[20:]))
        async with asyncio.timeout(20):
            await watch.in_trouble.wait()
        restarting.start()
        async with asyncio.timeout(30):
            await submitting
        assert watch.found.sent + watch.found.queued_before == 40
        assert (await queue.state()).messages == 40


async def test_a_server_that_stays_away_is_an_error_in_the_end(restarting: RestartingBroker, folder: Path) -> None:
    async with Bus.connect(restarting.context, name="test") as bus:
        queue = await make_queue(bus)
        restarting.kill()
        with pytest.raises(ExceptionGroup) as caught:
            await Watch(queue, patience_s=0.5).submitter.submit(pictures(folder))
        assert caught.group_contains(BusError)
        restarting.start()


async def test_what_is_queued_or_has_ended_is_not_sent_again(bus: Bus, folder: Path) -> None:
    queue = await make_queue(bus)
    first = Watch(queue, patience_s=5.0)
    await first.submitter.submit(pictures(folder)[:10])
    ended = frozenset(list(first.found.files)[:4])
    again = Watch(queue, patience_s=5.0, ended=ended)
    await again.submitter.submit(pictures(folder)[:12])
    found = again.found
    assert (found.sent, found.queued_before, found.ended_before) == (2, 6, 4)
    assert (await queue.state()).messages == 12


async def test_files_that_cannot_be_sent_are_told_and_the_others_are_sent(bus: Bus, folder: Path) -> None:
    queue = await make_queue(bus)
    vast = folder / "vast.jpg"
    vast.write_bytes(b"\0" * (bus.data.max_payload + 1))
    watch = Watch(queue, patience_s=5.0)
    await watch.submitter.submit([*pictures(folder), Picture("gone", folder / "gone.jpg")])
    assert {name for name, _ in watch.found.refused} == {"vast.jpg", "gone"}
    assert (watch.found.sent, watch.found.seen) == (40, 42)
