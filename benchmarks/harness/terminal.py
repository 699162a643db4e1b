"""A program in a terminal of its own that somebody looks at."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

ROWS, COLUMNS = 40, 140
READY_S = 60.0
STOP_S = 10.0
_KEPT = 1 << 16


class Terminal:
    """What the program writes is taken in, and its end kept."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.pid = process.pid
        self._screen = screen
        self._seen = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(screen, self._take)

    async def wait_for(self, text: bytes) -> None:
        """Wait until the program has written that.

        Raises:
            TimeoutError: it had not after 60 s.

        """
        async with asyncio.timeout(READY_S):
            while text not in self._seen:
                self._more.clear()
                await self._more.wait()

    def _take(self) -> None:
        try:
            self._seen = (self._seen + os.read(self._screen, 1 << 16))[-_KEPT:]
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._screen)
        self._more.set()


@asynccontextmanager
async def run_in_terminal(command: Sequence[str], *, env: Mapping[str, str]) -> AsyncIterator[Terminal]:
    """Run a program for the time of an ``async with``."""
    screen, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(  # noqa: ASYNC220 - once, before anything is measured
        command, stdin=inside, stdout=inside, stderr=inside, env=dict(env), start_new_session=True
    )
    os.close(inside)
    terminal = Terminal(process, screen)
    try:
        yield terminal
    finally:
        asyncio.get_running_loop().remove_reader(screen)
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait, STOP_S)
        os.close(screen)
