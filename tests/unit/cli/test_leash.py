from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.local.leash import Leash, end_groups, follow

WAIT_S = 10.0

# Starts a child that starts a grandchild, both deaf to SIGTERM, puts them on the leash, tells their ids, and is killed.
PARENT = textwrap.dedent("""
    import subprocess, sys, time
    from pathlib import Path
    from cli.local.leash import Leash
    leash = Leash(Path(sys.argv[1]))
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    grandchild = deaf + "print('up', flush=True); signal.pause()"
    child = deaf + "import subprocess, sys; "
    child += f"p = subprocess.Popen([sys.executable, '-c', {grandchild!r}]); print(p.pid, flush=True); p.wait()"
    process = subprocess.Popen([sys.executable, "-c", child], start_new_session=True, stdout=subprocess.PIPE, text=True)
    leash.hold(process.pid)
    numbers = process.stdout.readline().strip()
    process.stdout.readline()
    print(process.pid, numbers, leash.pid, flush=True)
    time.sleep(60)
""")


def wait_gone(pids: list[int]) -> list[int]:
    """Return the processes that are still there after a while; a zombie is gone."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(found, timeout=WAIT_S)
    return [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_nothing_survives_a_kill_of_the_parent(tmp_path: Path) -> None:
    directory = tmp_path / "cluster"
    directory.mkdir()
    (directory / "secret").touch()
    with subprocess.Popen([sys.executable, "-c", PARENT, str(directory)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(number) for number in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(psutil.pid_exists(pid) for pid in pids)
        parent.kill()
    assert wait_gone(pids) == []
    assert not directory.exists()


def test_a_group_that_was_released_lives_on(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    try:
        leash = Leash(tmp_path)
        leash.hold(process.pid)
        leash.release(process.pid)
        leash.close()
        assert process.poll() is None
        assert tmp_path.exists()
    finally:
        process.kill()
        process.wait(WAIT_S)


def test_closing_ends_what_is_still_held(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    leash = Leash(tmp_path)
    leash.hold(process.pid)
    leash.close()
    assert process.wait(WAIT_S) == -signal.SIGTERM


@pytest.mark.parametrize("noticed", ["by mending", "by an order"])
def test_a_holder_that_was_killed_is_replaced_and_holds_what_it_held(tmp_path: Path, noticed: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    leash = Leash(tmp_path)
    leash.hold(process.pid)
    first = psutil.Process(leash.pid)
    first.kill()
    assert wait_gone([first.pid]) == []
    if noticed == "by mending":
        assert leash.mend()
        assert not leash.mend()
    leash.close()
    assert process.wait(WAIT_S) == -signal.SIGTERM


def test_ending_a_group_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait(WAIT_S)
    end_groups({process.pid}, grace_s=0)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (b"", set()),
        (b"+20\n+30\n-20\n", {30}),
        (b"+20\n+30", {20}),  # the writer died in the middle of a number
        (b"+0\n+1\n+-5\n+x\n\n*7\n", set()),  # never init, never our own group
    ],
)
def test_orders_are_followed_to_the_last_whole_line(text: bytes, held: set[int]) -> None:
    assert follow(text.splitlines(keepends=True)) == (held, False)


def test_an_orderly_end_is_told_from_a_sudden_one() -> None:
    assert follow([b"+20\n", b".\n"]) == ({20}, True)


@given(st.lists(st.binary(max_size=20)))
def test_no_bytes_make_it_hold_init_or_its_own_group(lines: list[bytes]) -> None:
    assert all(group > 1 for group in follow(lines).held)
