"""The demonstration, with the real clip and the real models, built into the checkout's cache where they are not yet."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

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
    assert sum(summary["served"].values()) <= summary["inferred"]


def test_a_demonstration_sums_up_every_frame_and_leaves_annotated_pictures(tmp_path: Path, library_root: Path) -> None:
    command = bramble("demo", "--headless", "--json", "--seconds", "5", *places(tmp_path, library_root))
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    summary = json.loads(line)
    check_ledger(summary)
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
        for line in process.stderr:
            if " results, " in line:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=END_S)
    assert process.returncode == 0
    summary = json.loads(out)
    check_ledger(summary)
    assert summary["seconds"] < 600
