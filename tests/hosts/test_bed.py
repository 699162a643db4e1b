"""A bed leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.bed import APART, find_leftovers
from tests.hosts.conftest import BOOT_S, ROOT, STOP_S

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]

# What a test run does: it holds the bed's standard input, and passes its greeting on.
RUN = """
import subprocess, sys
bed = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
print(bed.pid, bed.stdout.readline().decode(), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def run_with_bed(state: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Boot one node out of a process of its own; yield that process and the id of the bed's."""
    bed = [*APART, sys.executable, "-m", "tests.hosts.bed", "--state", str(state), "--nodes", "1", "--limit-s", "120"]
    process = subprocess.Popen([sys.executable, "-c", RUN, *bed], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], BOOT_S)
        words = process.stdout.readline().split() if readable else []
        assert len(words) > 1, "the bed did not come up"
        assert any(each.startswith("process") for each in find_leftovers(state))
        yield process, int(words[0])
    finally:
        process.kill()
        process.wait(STOP_S)
        process.stdin.close()
        process.stdout.close()


def wait_until_gone(state: Path, *kinds: str) -> list[str]:
    """Return what is left of these kinds, once nothing is or time is up."""
    deadline = time.monotonic() + STOP_S
    while (found := [each for each in find_leftovers(state) if each.startswith(kinds)]) and time.monotonic() < deadline:
        select.select([], [], [], 0.05)
    return found


@pytest.mark.usefixtures("supplies")
def test_nothing_is_left_of_a_run_that_was_killed(tmp_path: Path) -> None:
    state = tmp_path / "bed"
    with run_with_bed(state) as (process, _):
        process.kill()

        assert wait_until_gone(state, "") == []


@pytest.mark.usefixtures("supplies")
def test_no_process_and_no_mount_is_left_of_a_bed_that_was_killed_itself(tmp_path: Path) -> None:
    state = tmp_path / "bed"
    with run_with_bed(state) as (_, bed):
        os.kill(bed, signal.SIGKILL)

        assert wait_until_gone(state, "process", "mount") == []
