"""What a program costs, read from the kernel: processor time and memory of all of its processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the seconds on processors that all threads of a process have had so far, in nanosecond steps.

    ``/proc/<pid>/stat`` has the same in steps of 10 ms, too coarse for milliseconds a frame. The clock's number is
    that of ``clock_getcpuclockid(3)``.

    Raises:
        ProcessLookupError: there is no such process (any more).

    """
    try:
        return time.clock_gettime_ns((~pid << 3) | 2) / 1e9
    except OSError as error:
        raise ProcessLookupError(pid) from error


def list_tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    try:
        process = psutil.Process(root)
        return [root, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


class CpuMeter:
    """Adds up the processor time of a process and its descendants, also of those that have ended since."""

    def __init__(self, root: int | None = None) -> None:
        self._root = root or os.getpid()
        self._seen: dict[int, float] = {}

    def read(self) -> float:
        """Return the seconds so far; of a process that ended between two readings those up to the first of them."""
        for pid in list_tree(self._root):
            try:
                self._seen[pid] = cpu_seconds(pid)
            except ProcessLookupError:
                continue  # it ended while we looked; its last reading stands
        return sum(self._seen.values())


def memory_bytes(root: int) -> int:
    """Return what a process and its descendants hold of memory; pages that they share count once."""
    total = 0
    for pid in list_tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total
