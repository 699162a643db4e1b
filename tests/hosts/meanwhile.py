"""What becomes of pictures and jobs while a playbook runs."""

from __future__ import annotations

import asyncio
import io
import json
import select
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.hosts.conftest import NODES, ROOT, Bed, Play

PICTURE = ROOT / "roles/operator/files/picture.png"
JOBS_S = 90.0
AT_ONCE = 20


def submit_jobs(bed: Bed, batch: str, numbers: Iterable[int]) -> None:
    """Submit a job for each number, and do not wait for them; each has a picture of its own."""
    with tempfile.TemporaryDirectory() as directory, Image.open(PICTURE) as picture:
        data = io.BytesIO()
        picture.convert("RGB").save(data, "JPEG")
        for number in numbers:  # bytes after the picture's end make another job, and the same picture
            Path(directory, f"{number}.jpg").write_bytes(data.getvalue() + str(number).encode())
        words = ("submit", directory, "--model", "mobilenet_v2", "--batch", batch, "--no-wait", "--context", "bed")
        done = bed.bramble(*words)
    assert done.returncode == 0, done.stderr


def wait_for_jobs(bed: Bed, batch: str, count: int) -> dict[str, int]:
    """Return how many outcomes of each kind there are, once there are ``count`` or time is up."""
    deadline = time.monotonic() + JOBS_S
    while True:
        done = bed.bramble("jobs", "results", batch, "--context", "bed")
        ends = Counter(json.loads(line)["end"] for line in done.stdout.splitlines())
        if ends.total() >= count or time.monotonic() > deadline:
            return dict(ends)
        select.select([], [], [], 0.5)


@dataclass(frozen=True)
class Stream:
    """What became of them."""

    play: Play
    answered: int
    failed: list[str]
    fewest_serving: int
    batch: str
    submitted: int


async def ask_meanwhile(bed: Bed, book: str, *options: str, tree: Path | None = None) -> Stream:
    """Ask for as long as a playbook takes, and submit jobs.

    A lone controller is away for the moment of its own restart: a picture that nobody took then is asked about again.
    """
    playing = asyncio.create_task(asyncio.to_thread(bed.play, book, *options, tree=tree))
    failed, answered, serving, submitted, batch = [], 0, [len(NODES)], 0, Path(book).stem
    while not playing.done():
        done = await asyncio.to_thread(
            bed.bramble, "infer", *[str(PICTURE)] * AT_ONCE, "--model", "mobilenet_v2", "--context", "bed", "--json",
            "--in-flight", "2", "--deadline-ms", "10000",
        )  # fmt: skip
        await asyncio.to_thread(submit_jobs, bed, batch, range(submitted, submitted + AT_ONCE))
        submitted += AT_ONCE
        outcomes = [json.loads(line) for line in done.stdout.splitlines()]
        failed += [json.dumps(each) for each in outcomes if "error" in each.get("result", each) and not _untaken(each)]
        answered += sum("result" in each for each in outcomes)
        status = await asyncio.to_thread(bed.bramble, "status", "--context", "bed", "--json")
        nodes = json.loads(status.stdout)["nodes"] if status.returncode == 0 else []
        if len(nodes) == len(NODES):  # a controller that has just started has not heard of every node yet
            serving += [sum(_serves(node) for node in nodes)]
    return Stream(await playing, answered, failed, min(serving), batch, submitted)


def _untaken(outcome: dict[str, dict[str, str]]) -> bool:
    return "no controller does" in outcome.get("error", {}).get("message", "")


def _serves(node: dict[str, Any]) -> bool:
    beat = node["heartbeat"]
    ready = any(report["state"] == "ready" for report in beat.get("shards", ()))
    return node["liveness"] == "live" and not beat.get("draining") and ready
