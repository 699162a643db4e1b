"""``bramble top`` in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import pytest

from tests.e2e.local_process import bramble

WAIT_S = 60.0
_ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=$]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b.")


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, answers: Mapping[bytes, bytes]) -> None:
        self.process = process
        self._master = master
        self._seen = b""
        self._answers = dict(answers)  # to questions that have not come yet

    def read_until(self, *texts: str) -> float:
        """Read until every text has been written; return the seconds since the start of this call."""
        began = time.monotonic()
        wanted = [text.encode() for text in texts]
        while not all(text in _ESCAPES.sub(b"", self._seen) for text in wanted):
            self._read(began + WAIT_S, texts)
        self._seen = b""
        return time.monotonic() - began

    def read_match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Read until something was written that the pattern finds, escape sequences and all."""
        deadline = time.monotonic() + WAIT_S
        while not (found := pattern.search(self._seen)):
            self._read(deadline, pattern.pattern)
        self._seen = self._seen[found.end() :]
        return found

    def _read(self, deadline: float, wanted: object) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._master], [], [], left)[0]:
            pytest.fail(f"{wanted} did not appear in {_ESCAPES.sub(b'', self._seen)[-3000:]!r}")
        try:
            self._seen += os.read(self._master, 65536)
        except OSError:  # the other end is closed: the command has ended
            pytest.fail(f"the command ended: {self._seen[-3000:]!r}")
        for question in [each for each in self._answers if each in self._seen]:
            os.write(self._master, self._answers.pop(question))

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def quit(self) -> int:
        """Press ``q``, and take what is still written: a terminal that nobody reads holds its command up."""
        self.press("q")
        deadline = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    os.read(self._master, 65536)
                except OSError:  # the other end is closed: the command has ended
                    break
        return self.process.wait(timeout=WAIT_S)


@contextmanager
def in_terminal(
    *arguments: str, size: tuple[int, int] = (80, 24), answers: Mapping[bytes, bytes] = MappingProxyType({})
) -> Iterator[Terminal]:
    """Run the command; the terminal gives these answers to what it is asked, in the order of the questions."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    process = subprocess.Popen(
        bramble("top", *arguments), stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        yield Terminal(process, master, answers)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
