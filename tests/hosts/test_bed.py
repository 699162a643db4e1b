"""A bed leaves nothing behind, however it and the run that uses it end."""

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

from tests.hosts.bed import find_leftovers
from tests.hosts.conftest import BOOT_S, ROOT, STOP_S

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(300)]

# A test run in the middle of a playbook's: it holds the bed, and ansible waits for a node.
RUN = r"""
import sys
from pathlib import Path
from tests.hosts.conftest import Bed, boot_bed, find_ansible
state = Path(sys.argv[1])
with boot_bed(state, "--nodes", "1") as process:
    bed = Bed(process, state, tree=state, library=state)
    ansible = str(find_ansible().with_name("ansible"))
    with bed.follow("node1", "sh -c 'until pgrep -fx \"sleep 600\"; do sleep 0.1; done'") as begun, bed.start(
        ansible, "--inventory", "inventory/local", "node1", "-m", "ansible.builtin.command", "-a", "sleep 600"
    ):
        next(begun)
        print(process.pid, flush=True)
        sys.stdin.read()
"""


@contextlib.contextmanager
def run_on_bed(state: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Have a playbook's task run on a booted node, out of a process of its own; yield that and the id of the bed's."""
    process = subprocess.Popen([sys.executable, "-P", "-c", RUN, str(state)], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], BOOT_S)
        words = process.stdout.readline().split() if readable else []
        assert words, "the bed did not come up"
        found = find_leftovers(state)
        assert any("bin/ansible" in each for each in found), found
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
def test_nothing_is_left_of_a_run_that_was_killed_in_the_middle_and_another_one_starts(tmp_path: Path) -> None:
    for state in (tmp_path / "one", tmp_path / "other"):
        with run_on_bed(state) as (process, _):
            process.kill()

            assert wait_until_gone(state, "") == []


@pytest.mark.usefixtures("supplies")
def test_no_process_and_no_mount_is_left_of_a_bed_that_was_killed_itself(tmp_path: Path) -> None:
    state = tmp_path / "bed"
    with run_on_bed(state) as (_, bed):
        os.kill(bed, signal.SIGKILL)

        assert wait_until_gone(state, "process", "mount") == []
