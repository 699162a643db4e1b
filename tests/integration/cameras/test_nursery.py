"""Readers are copies of one process: many at once, each on its own, whatever becomes of that process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import psutil
import pytest

from controller.cameras.child import ReaderChild
from controller.cameras.errors import SourceFaultError
from controller.cameras.framing import Opened
from controller.cameras.nursery import Nursery
from controller.cameras.source import Kind, parse_source
from controller.cameras.spec import ReaderSpec
from tests.cameras_testing.readers import find_readers, find_zygotes

SPEC = ReaderSpec(parse_source("synthetic:?fps=5"))
KINDS: tuple[Kind, ...] = ("rtsp", "mjpeg", "usb", "file", "directory", "synthetic")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a process comes or goes, and tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    async with aclosing(Nursery()) as made:
        running = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert not find_readers()
    assert not find_zygotes()


async def first_word(child: ReaderChild) -> object:
    async with asyncio.timeout(20):
        return await anext(child.messages())


async def test_readers_of_many_cameras_are_copies_of_one_process() -> None:
    async with nursery() as made, AsyncExitStack() as stack:
        children = [await stack.enter_async_context(made.running_reader(SPEC, str)) for _ in range(5)]
        assert [type(await first_word(child)) for child in children] == [Opened] * 5
        (zygote,) = find_zygotes()
        assert {each.pid for each in find_readers()} == {child.pid for child in children}
        assert {each.ppid() for each in find_readers()} == {zygote.pid}
    assert not find_readers()


async def test_what_readers_are_forked_from_has_one_thread_and_no_source_open() -> None:
    async with nursery() as made:
        made.expect(KINDS)
        await until(lambda: made.ready)
        async with made.running_reader(SPEC, str) as child:  # in turn: all is loaded when it is there
            await first_word(child)
            (zygote,) = find_zygotes()
            assert zygote.num_threads() == 1  # fork(2) copies one thread alone: another's locks would stay taken
            assert any("av/" in each.path for each in zygote.memory_maps())
            assert zygote.net_connections() == []


async def test_readers_outlive_what_they_were_forked_from_and_the_next_one_has_another() -> None:
    async with nursery() as made, made.running_reader(SPEC, str) as child:
        (first,) = find_zygotes()
        first.kill()
        first.wait(10)
        assert isinstance(await first_word(child), Opened)
        async with made.running_reader(SPEC, str) as later:
            assert isinstance(await first_word(later), Opened)
            assert child.pid in psutil.pids()


async def test_nothing_is_kept_once_no_camera_runs_or_can_come() -> None:
    async with nursery() as made:
        made.expect({"synthetic", "push"})
        await until(lambda: made.ready and bool(find_zygotes()))
        made.expect({"push"})
        await until(lambda: not find_zygotes())


async def test_a_reader_that_cannot_be_forked_is_a_fault_of_its_camera_alone() -> None:
    async with nursery() as made, made.running_reader(SPEC, str) as child:
        await first_word(child)
        (zygote,) = find_zygotes()
        had = zygote.rlimit(psutil.RLIMIT_NOFILE)
        zygote.rlimit(psutil.RLIMIT_NOFILE, (zygote.num_fds(), had[1]))
        with pytest.raises(SourceFaultError, match="no reader process can be started"):
            async with made.running_reader(SPEC, str):
                pass
        zygote.rlimit(psutil.RLIMIT_NOFILE, had)
        async with made.running_reader(SPEC, str) as later:
            assert isinstance(await first_word(later), Opened)


async def test_a_start_that_is_given_up_leaves_no_reader() -> None:
    async with nursery() as made, made.running_reader(SPEC, str) as child:
        await first_word(child)
        (zygote,) = find_zygotes()
        zygote.suspend()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), made.running_reader(SPEC, str):
                pass
        zygote.resume()
        async with made.running_reader(SPEC, str) as later:  # its answer is not taken for the other's
            assert isinstance(await first_word(later), Opened)
            await until(lambda: {each.pid for each in find_readers()} == {child.pid, later.pid})
