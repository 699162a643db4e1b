"""One process stands by for whichever agent dies first, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from cli.local.leash import Leash
from cli.local.program import Program, ProgramSpec
from cli.local.spare import Spare, SpareSpec

WAIT_S = 20.0
AGENT = (sys.executable, "-P", "-m", "edge_agent")


@pytest.fixture
def leash(tmp_path: Path) -> Iterator[Leash]:
    leash = Leash(tmp_path)
    yield leash
    leash.close()


@asynccontextmanager
async def standing_by(leash: Leash, report: Callable[[str], None] = print) -> AsyncIterator[Spare]:
    spare = Spare(SpareSpec(AGENT, ("standby", "simulated"), calm_s=0.0), leash, report)
    task = asyncio.create_task(spare.run())
    try:
        yield spare
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=WAIT_S)


async def next_pid(spare: Spare) -> int:
    await asyncio.wait_for(spare.standing_by.wait(), WAIT_S)
    assert spare.pid is not None
    return spare.pid


async def test_an_agent_that_dies_is_gone_on_with_by_the_process_that_stood_by_and_another_one_stands_by_then(
    leash: Leash, tmp_path: Path
) -> None:
    log = tmp_path / "node-1.log"
    async with standing_by(leash) as spare:
        first = await next_pid(spare)
        ended = asyncio.Event()
        program = Program(ProgramSpec("node-1", (*AGENT, "--help"), log), leash, lambda _: ended.set(), spare)
        running = asyncio.create_task(program.run())
        await asyncio.wait_for(ended.wait(), WAIT_S)  # --help ends by itself

        assert program.pid == first
        assert "usage: bramble-agent" in log.read_text("utf-8")
        assert await next_pid(spare) != first
        running.cancel()
        await asyncio.wait([running], timeout=WAIT_S)


async def test_another_command_than_the_agents_is_left_to_be_started(leash: Leash, tmp_path: Path) -> None:
    async with standing_by(leash) as spare:
        await next_pid(spare)
        assert spare.take(ProgramSpec("c", (*AGENT[:-1], "controller"), tmp_path / "log")) is None
        assert spare.pid is not None


async def test_a_spare_that_was_killed_is_nobodys_stand_in_and_is_replaced(leash: Leash, tmp_path: Path) -> None:
    ended: asyncio.Queue[str] = asyncio.Queue()
    async with standing_by(leash, ended.put_nowait) as spare:
        os.kill(await next_pid(spare), signal.SIGKILL)
        said = await asyncio.wait_for(ended.get(), WAIT_S)
        assert said == "the agent that stood by was ended by SIGKILL; another one will"
        await next_pid(spare)
        taken = spare.take(ProgramSpec("n", (*AGENT, "--help"), tmp_path / "log"))
        assert taken is not None
        await asyncio.wait_for(taken.wait(), WAIT_S)
        assert taken.returncode == 0


async def test_no_spare_outlives_whoever_kept_it(leash: Leash) -> None:
    async with standing_by(leash) as spare:
        pid = await next_pid(spare)
    assert not psutil.pid_exists(pid)
    assert spare.pid is None
