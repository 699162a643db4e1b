"""The real witness, as a process."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

WITHIN_S = 20.0


class Program:
    """The real program."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def say(self, word: str) -> None:
        """Wait until its log has the word."""
        assert self._process.stderr is not None
        async with asyncio.timeout(WITHIN_S):
            while word not in (line := (await self._process.stderr.readline()).decode()):
                assert line, f"it ended and never said {word}"

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        await asyncio.wait_for(self._process.communicate(), WITHIN_S)
        return self._process.returncode or 0


@asynccontextmanager
async def run_witness(log: Path, monitor: str, context: Path, *more: str) -> AsyncIterator[Program]:
    """Run it for the time of an ``async with``, from when it watches."""
    options = ["--server-log", str(log), "--server-monitor", monitor, "--context", str(context), *more]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "witness", *options, stderr=asyncio.subprocess.PIPE
    )
    program = Program(process)
    try:
        await program.say("action=start")
        yield program
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
