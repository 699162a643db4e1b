"""Nothing of a local cluster survives its parent, not even `kill -9` of it.

A process group of one's own is needed so that a stop reaches grandchildren, and it also keeps a program alive when its
parent dies. So this small process, in a session of its own, reads from a pipe whose other end only the parent holds:
`+<group>` puts a group on the leash, `-<group>` takes it off, and the end of the pipe ends whatever is left on it.
Without a `.` before the end the parent had no time to tidy up: the cluster's directory, with its secrets, goes too.
(PR_SET_PDEATHSIG would reach direct children only, and follows the death of the thread that started them.)

Run as a plain file with `python -I -S`: it imports nothing but the standard library and stays at a few MB.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

GRACE_S = 3.0
STOP_S = GRACE_S + 2.0
_STEP_S = 0.05


class Leash:
    """The parent's end. The holder's own death is noticed at the next order, or by :meth:`mend`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: set[int] = set()
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process id of the process that holds the leash."""
        return self._process.pid

    def hold(self, group: int) -> None:
        """Have the process group ended when this process is gone."""
        self._held.add(group)
        self._write(f"+{group}\n")

    def release(self, group: int) -> None:
        """Forget the process group: it has ended."""
        self._held.discard(group)
        self._write(f"-{group}\n")

    def mend(self) -> bool:
        """Start the holder again if it has died; tell whether it had."""
        if self._process.poll() is None:
            return False
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = self._start()
        for group in self._held:
            self._write(f"+{group}\n")
        return True

    def close(self) -> None:
        """End what is still held, and the holder."""
        self._write(".\n")
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(self._directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )

    def _write(self, line: str) -> None:
        if self._process.stdin is None:
            raise TypeError("the leash has no pipe")
        try:
            self._process.stdin.write(line.encode())
        except BrokenPipeError:
            self._process.wait(STOP_S)
            self.mend()


class Orders(NamedTuple):
    """What is to be done at the end of the pipe."""

    held: frozenset[int]  # process groups to end
    orderly: bool  # the parent said that it ends


def follow(lines: Iterable[bytes]) -> Orders:
    """Read orders up to the end of the pipe; an unfinished line is none."""
    held: set[int] = set()
    orderly = False
    for line in lines:
        order, number = line[:1], line[1:].strip()
        if line == b".\n":
            orderly = True
        elif not (line.endswith(b"\n") and number.isdigit() and int(number) > 1):
            continue
        elif order == b"+":
            held.add(int(number))
        elif order == b"-":
            held.discard(int(number))
    return Orders(frozenset(held), orderly)


def end_groups(groups: Iterable[int], *, grace_s: float = GRACE_S) -> None:
    """Ask process groups to end, and kill what is there after ``grace_s`` seconds."""
    deadline = time.monotonic() + grace_s
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    while left and time.monotonic() < deadline:
        time.sleep(_STEP_S)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; False when it has no member any more."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def main(directory: str) -> None:
    """Wait for the parent's end, then end what it left."""
    orders = follow(sys.stdin.buffer)
    end_groups(orders.held)
    if not orders.orderly:
        shutil.rmtree(directory, ignore_errors=True)  # of what cannot be removed nobody is left to be told


if __name__ == "__main__":
    main(sys.argv[1])
