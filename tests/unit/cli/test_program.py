from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.local.leash import Leash
from cli.local.program import MAX_DELAY_S, Program, ProgramSpec, choose_delay, describe_exit, read_tail

WAIT_S = 10.0
PAUSE = "import signal; signal.pause()"


@pytest.fixture
def leash(tmp_path: Path) -> Iterator[Leash]:
    leash = Leash(tmp_path)
    yield leash
    leash.close()


class Reports:
    """What a program's supervisor said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, text: str) -> None:
        self.lines.append(text)
        self._news.set()

    async def wait_for(self, text: str) -> str:
        async with asyncio.timeout(WAIT_S):
            while not any(text in line for line in self.lines):
                self._news.clear()
                await self._news.wait()
        return next(line for line in self.lines if text in line)


@asynccontextmanager
async def running(code: str, leash: Leash, reports: Reports, log: Path) -> AsyncIterator[Program]:
    program = Program(ProgramSpec("node-1", (sys.executable, "-u", "-c", code), log), leash, reports)
    task = asyncio.create_task(program.run())
    try:
        yield program
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=WAIT_S)


class Mailbox:
    """Where child processes report: a Unix socket that takes one line a connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: asyncio.Queue[str] = asyncio.Queue()

    def write(self, what: str) -> str:
        """Return the code that reports the value of an expression."""
        return (
            "import os, socket; mail = socket.socket(socket.AF_UNIX); "
            f"mail.connect({str(self._path)!r}); mail.sendall(str({what}).encode()); mail.close()\n"
        )

    async def take(self) -> str:
        """Wait for the next report."""
        async with asyncio.timeout(WAIT_S):
            return await self._lines.get()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.put_nowait((await reader.read()).decode())
        writer.close()


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    mailbox = Mailbox(tmp_path / "mail")
    async with await asyncio.start_unix_server(mailbox.accept, tmp_path / "mail"):
        yield mailbox


async def test_a_program_that_dies_is_reported_with_its_last_words_and_started_again(
    leash: Leash, mailbox: Mailbox, tmp_path: Path
) -> None:
    log, reports = tmp_path / "node-1.log", Reports()
    code = mailbox.write("os.getpid()") + "print('no camera here'); raise SystemExit(7)"
    async with running(code, leash, reports, log) as program:
        first = await mailbox.take()
        assert await reports.wait_for("ended") == (
            "node-1 ended with exit code 7; starting it again in 0.1 s. Its last words:"
        )
        await reports.wait_for("no camera here")
        assert await mailbox.take() != first
        assert program.restarts >= 1


async def test_a_program_that_was_killed_is_reported_by_the_signal_s_name(
    leash: Leash, mailbox: Mailbox, tmp_path: Path
) -> None:
    reports = Reports()
    async with running(mailbox.write("os.getpid()") + PAUSE, leash, reports, tmp_path / "node-1.log"):
        os.kill(int(await mailbox.take()), signal.SIGKILL)
        await reports.wait_for("node-1 was ended by SIGKILL")


async def test_stopping_takes_the_children_of_a_program_with_it(leash: Leash, mailbox: Mailbox, tmp_path: Path) -> None:
    reports = Reports()
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {PAUSE!r}])\n" + mailbox.write("child.pid") + PAUSE
    )
    async with running(code, leash, reports, tmp_path / "node-1.log"):
        grandchild = psutil.Process(int(await mailbox.take()))
    _, alive = psutil.wait_procs([grandchild], timeout=WAIT_S)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert reports.lines == []


@pytest.mark.parametrize(("deaths", "delay"), [(1, 0.1), (2, 0.4), (3, 1.6), (7, 30.0)])
def test_the_delay_is_short_at_first_and_grows_up_to_a_bound(deaths: int, delay: float) -> None:
    assert choose_delay(deaths) == pytest.approx(delay)


@given(st.integers(min_value=1))
def test_no_number_of_deaths_makes_the_delay_overflow(deaths: int) -> None:
    assert 0 < choose_delay(deaths) <= MAX_DELAY_S


@pytest.mark.parametrize(("code", "text"), [(1, "ended with exit code 1"), (-9, "was ended by SIGKILL")])
def test_an_exit_is_told_in_words(code: int, text: str) -> None:
    assert describe_exit(code) == text


def test_the_tail_of_a_log_is_its_last_lines_however_long_it_is(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff old line\n" * 100_000 + b"one\ntwo\n")
    assert read_tail(log, 2) == "one\ntwo"


def test_a_log_that_is_not_there_has_no_tail(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none.log") == ""
