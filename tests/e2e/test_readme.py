"""The README's lines, executed as they stand, on a terminal, against a real cluster."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkit.library import Library
from tests.e2e.local_process import LocalProcess, start_local_process

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
LINE_S = 60.0
_BLOCK = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)


def readme_lines() -> list[str]:
    """Return the commands of the README's blocks that are marked to be run."""
    blocks = _BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def cluster(library: Library) -> Iterator[LocalProcess]:
    """The cluster that the README starts."""
    local = start_local_process("--nodes", "3", "--library", str(library.root))
    yield local
    local.stop()


def run_on_terminal(line: str, *, cwd: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run a shell line whose output is a terminal, as a person's is; bounded in time."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", line],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, deadline = b"", time.monotonic() + LINE_S
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end of a terminal was closed
            break
        said += piece
    os.close(ours)
    try:
        return process.wait(max(0.1, deadline - time.monotonic())), said.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return -1, said.decode("utf-8", "replace") + f"\n(not done after {LINE_S:g} s)"


def test_every_line_of_the_readme_does_what_it_says(
    cluster: LocalProcess, cat_jpeg: bytes, nats_command: str, tmp_path: Path
) -> None:
    (tmp_path / "cat.jpg").write_bytes(cat_jpeg)
    path = f"{Path(sys.executable).parent}:{Path(nats_command).parent}:{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(tmp_path), "NATS_CONTEXT": cluster.told["context"]}
    env |= {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"}
    lines = readme_lines()
    assert len(lines) >= 15
    said: dict[str, str] = {}
    for line in lines:
        code, said[line] = run_on_terminal(line, cwd=tmp_path, env=env)
        assert code == 0, f"{line}\n{said[line]}"
    assert "Egyptian cat" in said["nats req infer.mobilenet_v2 < cat.jpg"]
    assert "Egyptian cat" in said["cat cat.jpg | bramble infer - --model mobilenet_v2 --json"]
    assert "bramble" in said["nats micro ls"]
    for picture in ("boxes.jpg", "drawn.jpg"):
        assert (tmp_path / picture).read_bytes().startswith(b"\xff\xd8")
