"""A process that stands by for whichever of a local cluster's agents dies first, and saves it the time of a start."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

from cli.local.leash import Leash
from cli.local.program import ProgramSpec, Report, describe_exit
from wire.messages import encode
from wire.standby import StandIn

CALM_S = 5.0
"""A spare is started that long after the last one was taken: who starts now needs the processor more."""


@dataclass(frozen=True, slots=True)
class SpareSpec:
    """A command that any of several programs can begin with: ``command`` and the program's own arguments run it."""

    command: tuple[str, ...]
    standby: tuple[str, ...]  # arguments with which it says a line when it is ready, and waits to be told the others
    calm_s: float = CALM_S

    def suits(self, program: ProgramSpec) -> bool:
        """Tell whether the program is run by this command."""
        return program.arguments[: len(self.command)] == self.command


class Spare:
    """Keeps one process ready. Costs the memory of an agent without its model, some 60 MB."""

    def __init__(self, spec: SpareSpec, leash: Leash, report: Report) -> None:
        self._spec = spec
        self._leash = leash
        self._report = report
        self._ready: asyncio.subprocess.Process | None = None
        self._taken = asyncio.Event()
        self.standing_by = asyncio.Event()
        """Set while one has loaded all that it needs, and waits."""

    @property
    def pid(self) -> int | None:
        """The process id of the one that stands by, None where there is none."""
        return self._ready.pid if self._ready else None

    def take(self, program: ProgramSpec) -> asyncio.subprocess.Process | None:
        """Have the spare become the program; None where it does not suit, or none is ready."""
        process = self._ready
        if process is None or process.stdin is None or process.returncode is not None or not self._spec.suits(program):
            return None
        arguments = program.arguments[len(self._spec.command) :]
        process.stdin.write(encode(StandIn(arguments=arguments, log=str(program.log))) + b"\n")
        process.stdin.close()
        self._ready = None
        self.standing_by.clear()
        self._taken.set()
        return process

    async def run(self) -> None:
        """Keep one ready until cancelled."""
        try:
            while True:
                await asyncio.sleep(self._spec.calm_s)
                self._taken.clear()
                try:
                    self._ready = await self._start()
                except OSError as error:
                    self._report(f"no agent stands by: {error.strerror}")
                    continue
                await self._watch(self._ready)
        finally:
            await self._dismiss()

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._spec.command,
            *self._spec.standby,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._leash.hold(process.pid)
        return process

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Wait until the spare is taken, or has ended by itself."""
        assert process.stdout is not None  # a pipe
        if await process.stdout.readline() and self._ready is process:
            self.standing_by.set()
        events = {asyncio.create_task(process.wait()), asyncio.create_task(self._taken.wait())}
        try:
            await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in events:
                each.cancel()
        if self._ready is process:
            await self._dismiss()
            self._report(f"the agent that stood by {describe_exit(process.returncode or 0)}; another one will")

    async def _dismiss(self) -> None:
        process, self._ready = self._ready, None
        self.standing_by.clear()
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)  # it has nothing to tidy up
            await process.wait()
        self._leash.release(process.pid)
