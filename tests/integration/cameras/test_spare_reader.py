"""The reader that waits for a camera: it is taken, replaced, ended, and never in the way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil

from controller.cameras.child import ReaderChild
from controller.cameras.framing import Opened
from controller.cameras.source import parse_source
from controller.cameras.spare import SpareReader
from controller.cameras.spec import ReaderSpec

READER = "controller.cameras.reader"
SPEC = ReaderSpec(parse_source("synthetic:?fps=5"))


def find_readers() -> set[int]:
    return {each.pid for each in psutil.Process().children() if READER in each.cmdline()}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a process comes or goes, and tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def keeping() -> AsyncIterator[SpareReader]:
    spare = SpareReader()
    task = asyncio.create_task(spare.run())
    try:
        yield spare
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert not find_readers()


async def first_word(child: ReaderChild) -> object:
    async with asyncio.timeout(20):
        return await anext(child.messages())


async def test_the_spare_reader_takes_the_camera_and_another_one_takes_its_place() -> None:
    async with keeping() as spare:
        spare.want({"synthetic"})
        await until(lambda: spare.ready)
        (waiting,) = find_readers()
        async with spare.running_reader(SPEC, str) as child:
            assert child.pid == waiting
            assert isinstance(await first_word(child), Opened)
            await until(lambda: spare.ready)
            assert len(find_readers()) == 2
        assert waiting not in find_readers()
        assert spare.ready


async def test_without_a_spare_one_a_reader_is_started() -> None:
    async with keeping() as spare, spare.running_reader(SPEC, str) as child:
        assert not spare.ready
        assert isinstance(await first_word(child), Opened)


async def test_a_spare_reader_that_died_is_not_given_a_camera() -> None:
    async with keeping() as spare:
        spare.want({"synthetic"})
        await until(lambda: spare.ready)
        (waiting,) = find_readers()
        os.kill(waiting, signal.SIGKILL)
        await until(lambda: not spare.ready)
        async with spare.running_reader(SPEC, str) as child:
            assert child.pid != waiting
            assert isinstance(await first_word(child), Opened)


async def test_no_spare_reader_is_kept_once_no_camera_can_come() -> None:
    async with keeping() as spare:
        spare.want({"synthetic", "push"})
        await until(lambda: spare.ready)
        spare.want({"push"})
        await until(lambda: not find_readers())
        assert not spare.ready


async def test_secrets_are_concealed_in_what_a_spare_reader_prints_once_it_has_a_camera() -> None:
    async with keeping() as spare:
        spare.want({"synthetic"})
        await until(lambda: spare.ready)
        idle = spare._idle
        assert idle is not None
        assert idle.print("hunter2") == "hunter2"
        async with spare.running_reader(SPEC, lambda text: text.replace("hunter2", "***")):
            assert idle.print("hunter2") == "***"
