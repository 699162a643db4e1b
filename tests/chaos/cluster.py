"""The cluster of a run: a real `bramble local` as a subprocess, whose parts can be killed and frozen by name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psutil

from cli.local.local_cluster import name_controllers
from controller.cameras.zygote import READER_NAME
from tests.chaos.course import Course
from tests.chaos.schedule import BROKER

STOP_S = 30.0


class ChaosCluster:
    """The processes; ``told`` is what `bramble local --json` said when it was ready."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any], controllers: tuple[str, ...]) -> None:
        self._process = process
        self.told = told
        self.controllers = controllers

    def signal(self, targets: tuple[str, ...], number: int) -> None:
        """Send a signal to programs, all at once as far as one can; what is just being restarted is spared."""
        found = [process for target in targets for process in self._find(target)]
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def thaw(self) -> None:
        """Let everything go on."""
        self.signal((BROKER, *self.controllers, *self.told["nodes"]), signal.SIGCONT)

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Yield every process of the cluster with the name of its program; `bramble local` itself is one of them."""
        yield "bramble local", psutil.Process(self._process.pid)
        names = {BROKER, *self.controllers, *self.told["nodes"]}
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                line = process.cmdline()
                if line and line[0].endswith(BROKER):
                    yield BROKER, process
                elif found := names.intersection(line):
                    yield found.pop(), process
                elif process.name() == READER_NAME:
                    yield "camera reader", process
                elif line:
                    yield Path(next((part for part in line if part.endswith(".py")), line[0])).stem, process

    def _find(self, target: str) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                line = process.cmdline()
                if (target == BROKER and line and line[0].endswith(BROKER)) or target in line:
                    found.append(process)
        return found


class Target(Protocol):
    """What a run needs of a cluster, whatever it consists of."""

    told: dict[str, Any]  # context: path of a context file; nodes: their names
    controllers: tuple[str, ...]

    def signal(self, targets: tuple[str, ...], number: int) -> None: ...
    def processes(self) -> Iterator[tuple[str, psutil.Process]]: ...


@asynccontextmanager
async def open_local(course: Course, log: Path) -> AsyncIterator[Target]:
    """Run a local cluster for the time of an ``async with``."""
    with run_cluster(course, log) as cluster:
        yield cluster


@contextmanager
def run_cluster(course: Course, log: Path) -> Iterator[ChaosCluster]:
    """Run a cluster of simulated nodes for the time of the block; what it says goes to ``log``.

    Raises:
        RuntimeError: it did not start.

    """
    command = [sys.executable, "-m", "cli.main", "local", "--json", "--simulated"]
    command += ["--nodes", str(course.nodes), "--controllers", str(course.controllers)]
    command += [part for model in course.models for part in ("--model", model)]
    with log.open("w") as notes:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=notes, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"bramble local ended: {log.read_text('utf-8')}")
        cluster = ChaosCluster(process, json.loads(line), tuple(name_controllers(course.controllers)))
        try:
            yield cluster
        finally:
            cluster.thaw()
    finally:
        process.terminate()
        process.communicate(timeout=STOP_S)
