"""One program of a local cluster as a supervised child process: reported and restarted when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cli.local.leash import Leash

FIRST_DELAY_S = 0.1  # who dies once is wanted back at once
GROWTH = 4.0
MAX_DELAY_S = 30.0
HEALTHY_S = 30.0  # a program that lived this long starts again with the first delay
STOP_S = 12.0  # agents finish what they hold within 10 s
TAIL_LINES = 5
_TAIL_BYTES = 8192

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """What to run. ``arguments`` must hold no secret: every user can read them."""

    name: str
    arguments: tuple[str, ...]
    log: Path


def choose_delay(deaths: int) -> float:
    """Return the seconds to wait before the restart after so many deaths in a row, the first counted as 1."""
    return min(FIRST_DELAY_S * GROWTH ** min(deaths - 1, 16), MAX_DELAY_S)


def describe_exit(code: int) -> str:
    """Say how a process ended, given its return code."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def read_tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class Spare(Protocol):
    """What may have a process ready; see :class:`cli.local.spare.Spare`."""

    def take(self, program: ProgramSpec) -> asyncio.subprocess.Process | None:
        """Have that process become the program."""


class Program:
    """A child process in a process group of its own, on the leash."""

    def __init__(self, spec: ProgramSpec, leash: Leash, report: Report, spare: Spare | None = None) -> None:
        self.spec = spec
        self.restarts = 0
        self._spare = spare
        self._leash = leash
        self._report = report
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Start the program and start it again whenever it ends, until cancelled; then it is stopped."""
        deaths = 0
        while True:
            began = time.monotonic()
            code = await self._live()
            deaths = 1 if time.monotonic() - began >= HEALTHY_S else deaths + 1
            self.restarts += 1
            delay = choose_delay(deaths)
            self._report(f"{self.spec.name} {describe_exit(code)}; starting it again in {delay:g} s. Its last words:")
            self._report(read_tail(self.spec.log) or "(none)")
            await asyncio.sleep(delay)

    async def _live(self) -> int:
        """Run the program once; return its exit code."""
        process = (self._spare.take(self.spec) if self._spare else None) or await self._start()
        self._process = process
        self._leash.hold(process.pid)
        try:
            return await process.wait()
        finally:
            await asyncio.shield(self._stop(process))
            self._leash.release(process.pid)

    async def _start(self) -> asyncio.subprocess.Process:
        with self.spec.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self.spec.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops everything in order
            )

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                self._report(f"{self.spec.name} did not end within {STOP_S:g} s and is killed")
        try:
            os.killpg(process.pid, signal.SIGKILL)  # itself, or children that it left behind
        except ProcessLookupError:
            return
        await process.wait()
