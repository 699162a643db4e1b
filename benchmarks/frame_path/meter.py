"""What the job itself takes inside a worker, so that all the rest can be told apart from it.

Each worker keeps four numbers in a small mapped file, which anybody can read at any time, also after its death.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DIRECTORY = "BRAMBLE_BENCH_METERS"
"""The environment variable that names the directory."""

_FIELDS = struct.Struct("<dddd")
_PREFIX = "worker-"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Worked:
    """What one or more workers have done so far."""

    frames: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    first_at: float = 0.0  # when the worker began its first frame, by time.monotonic

    def __sub__(self, before: Worked) -> Worked:
        """Return what was done since."""
        return Worked(self.frames - before.frames, self.cpu_s - before.cpu_s, self.wall_s - before.wall_s)


class Meter:
    """One worker's file. Steps of a frame may run in different threads."""

    def __init__(self, directory: Path) -> None:
        path = directory / f"{_PREFIX}{os.getpid()}"
        path.write_bytes(bytes(_FIELDS.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FIELDS.size)
        self._lock = threading.Lock()

    def time(self, do: Callable[[], T], *, ends: bool = False) -> T:
        """Do a step of the job and add what it took; with ``ends`` it was a frame's last."""
        wall, cpu = time.perf_counter(), time.thread_time()
        begun = time.monotonic()
        found = do()
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        with self._lock:
            frames, cpu_s, wall_s, first_at = _FIELDS.unpack_from(self._map)
            _FIELDS.pack_into(self._map, 0, frames + ends, cpu_s + cpu, wall_s + wall, first_at or begun)
        return found


def open_meter() -> Meter:
    """Open this process's file where the environment says.

    Raises:
        KeyError: it does not say.

    """
    return Meter(Path(os.environ[DIRECTORY]))


def read_workers(directory: Path) -> dict[int, Worked]:
    """Return what each worker has done, by process id."""
    found = {}
    for path in directory.glob(f"{_PREFIX}*"):
        data = path.read_bytes()
        if len(data) == _FIELDS.size:  # else it is being made
            frames, cpu_s, wall_s, first_at = _FIELDS.unpack(data)
            found[int(path.name.removeprefix(_PREFIX))] = Worked(int(frames), cpu_s, wall_s, first_at)
    return found


def read_sum(directory: Path) -> Worked:
    """Return what all workers together have done."""
    workers = read_workers(directory).values()
    return Worked(
        sum(each.frames for each in workers),
        sum(each.cpu_s for each in workers),
        sum(each.wall_s for each in workers),
    )
