"""A real `bramble local` as a subprocess, and real commands run against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psutil
import pytest

STOP_S = 30.0
COMMAND_S = 60.0


def bramble(*arguments: str) -> list[str]:
    """Return the command line of the real command, run by this Python."""
    return [sys.executable, "-m", "cli.main", *arguments]


class LocalProcess:
    """A `bramble local` that runs; ``told`` is the line of JSON that it printed when it was ready."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any]) -> None:
        self.process = process
        self.told = told

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
        """Run a `bramble` command against the cluster; what it prints is decoded."""
        done = subprocess.run(
            bramble(*arguments),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env={**os.environ, "NATS_CONTEXT": self.told["context"]},
            capture_output=True, timeout=COMMAND_S, check=False,
        )  # fmt: skip
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def ask(self, *arguments: str, stdin: str | bytes | None = None) -> list[Any]:
        """Run a command that must succeed and return its lines of JSON."""
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def tell(self, *arguments: str, stdin: str | bytes | None = None) -> str:
        """Run a command that must succeed and return what it prints."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def descendants(self) -> list[psutil.Process]:
        """Return every process that the command started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def await_note(self, text: str) -> str:
        """Read what the command says on stderr until a line holds ``text``; the test's own time limit bounds it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return line
        pytest.fail(f"the command ended before it said {text!r}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=STOP_S)
        return self.process.returncode


StartLocal = Callable[..., LocalProcess]


def start_local_process(*arguments: str) -> LocalProcess:
    """Run `bramble local` with the arguments given and wait until it is ready."""
    process = subprocess.Popen(
        bramble("local", "--json", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(f"bramble local ended: {process.communicate(timeout=STOP_S)[1]}")
    return LocalProcess(process, json.loads(line))


def await_end(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Wait for processes to end; return those that did not. A zombie has ended."""
    _, alive = psutil.wait_procs(processes, timeout=STOP_S)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
