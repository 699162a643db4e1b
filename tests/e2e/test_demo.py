"""The demonstration, with the real clip and the real models, built into the checkout's cache where they are not yet."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from PIL import Image

from tests.e2e.local_process import bramble

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

START_S = 360.0  # the first time the models are fetched and built
END_S = 60.0


def places(tmp_path: Path, library_root: Path) -> tuple[str, ...]:
    return ("--out", str(tmp_path / "out"), "--library", str(library_root))


def check_ledger(summary: dict[str, Any]) -> None:
    ends = summary["inferred"] + summary["gated"] + sum(summary["dropped"].values()) + sum(summary["failed"].values())
    assert summary["offered"] == ends
    assert summary["inferred"] > 0


def test_a_demonstration_sums_up_every_frame_and_leaves_annotated_pictures(tmp_path: Path, library_root: Path) -> None:
    command = bramble("demo", "--headless", "--json", "--seconds", "5", *places(tmp_path, library_root))
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    summary = json.loads(line)
    check_ledger(summary)
    assert sum(summary["served"].values()) <= summary["inferred"]
    assert summary["failed"] == {}
    assert summary["nodes"] == ["node-1", "node-2", "node-3"]
    assert summary["models"] == ["mobilenet_v2", "ssd_mobilenet_v2"]
    assert sorted(summary["latency_ms"]) == ["p50", "p95", "p99"]
    assert summary["first_result_s"] > 0
    assert summary["pictures"]
    for path in summary["pictures"]:
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.size) == ("JPEG", (640, 272))


def test_ctrl_c_ends_a_demonstration_early_and_still_sums_up(tmp_path: Path, library_root: Path) -> None:
    command = bramble("demo", "--headless", "--json", "--seconds", "600", *places(tmp_path, library_root))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        await_line(process.stderr, " results, ")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=END_S)
    assert process.returncode == 0
    summary = json.loads(out)
    check_ledger(summary)
    assert summary["seconds"] < 600


def test_a_demonstration_goes_on_while_a_node_and_the_controller_are_killed(tmp_path: Path, library_root: Path) -> None:
    command = bramble("demo", "--headless", "--json", "--seconds", "600", *places(tmp_path, library_root))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        await_line(process.stderr, " results, ")
        kill(process.pid, "node-2")
        await_line(process.stderr, "node-2 was ended by SIGKILL")
        await_line(process.stderr, " results, ")
        kill(process.pid, "controller")
        await_line(process.stderr, "controller was ended by SIGKILL")
        before = read_count(await_line(process.stderr, " results, "))
        while read_count(await_line(process.stderr, " results, ")) <= before:
            pass
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=END_S)
    assert process.returncode == 0
    summary = json.loads(out)
    check_ledger(summary)  # of the controller that came after
    assert summary["nodes"] == ["node-1", "node-2", "node-3"]
    assert sum(summary["served"].values()) > summary["inferred"]


def await_line(lines: IO[str], text: str) -> str:
    """Read until a line holds the text; the test's own time limit bounds it."""
    for line in lines:
        if text in line:
            return line
    pytest.fail(f"the command ended before it said {text!r}")


def read_count(line: str) -> int:
    return int(line.partition(" results, ")[0].rpartition(" ")[2])


def kill(parent: int, word: str) -> None:
    """Kill the child that has the word in its command line."""
    children = psutil.Process(parent).children()
    next(child for child in children if word in child.cmdline()).kill()
