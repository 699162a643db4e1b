"""What becomes of pictures and jobs while a playbook runs."""

from __future__ import annotations

import io
import json
import secrets
import select
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from PIL import Image

from tests.hosts.conftest import NODES, PYTHON, Bed, Play
from tests.hosts.traffic import PICTURE, READY_S, SETTLE_S

JOBS_S = 90.0
START_S = 30.0


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


class Meanwhile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a steady stream of pictures and jobs."""

    asked: int
    answered: dict[str, int]  # pictures by node
    again: dict[str, int]  # how often a picture was asked about again, by reason
    failed: list[str]
    troubles: list[str]  # what jobs had to wait for
    fewest_serving: int
    longest_absence_s: dict[str, float]  # by node
    jobs: int
    ends: dict[str, int]
    without_outcome: list[str]
    with_several: list[str]
    of_nobody: list[str]

    def expect_nothing_lost(self) -> None:
        """Fail the test where a picture has no answer, or a job not exactly one result."""
        assert self.failed == []
        assert sum(self.answered.values()) == self.asked > 0
        assert (self.without_outcome, self.with_several, self.of_nobody) == ([], [], [])
        assert self.ends == {"done": self.jobs}
        assert self.jobs > 0


@contextmanager
def making_traffic(bed: Bed, name: str) -> Iterator[Callable[[str], Meanwhile]]:
    """Have pictures and jobs come in at a steady pace for the time of a ``with``, and everybody serve at its beginning.

    Yields what ends them and tells what became of them; it takes what to say where they broke down.
    """
    nodes = [word for node in NODES for word in ("--node", node)]
    batch = f"{name}-{secrets.token_hex(4)}"
    command = (*PYTHON, "-m", "tests.hosts.traffic", "--context", "bed", "--batch", batch, *nodes)
    with bed.start(*command) as traffic:
        assert traffic.stdout is not None
        readable, _, _ = select.select([traffic.stdout], [], [], START_S + READY_S)
        assert readable, "the traffic has not begun"
        assert traffic.stdout.readline() == "ready\n", "the traffic ended before it began"

        def finish(work: str) -> Meanwhile:
            told, _ = traffic.communicate(timeout=SETTLE_S + START_S)
            assert traffic.returncode == 0, f"the traffic broke down during {name}: {work}"
            return msgspec.json.decode(told, type=Meanwhile)

        yield finish


def play_under_traffic(bed: Bed, book: str, *options: str, tree: Path | None = None) -> tuple[Play, Meanwhile]:
    """Run a playbook while pictures and jobs come in at a steady pace."""
    with making_traffic(bed, Path(book).stem) as finish:
        play = bed.play(book, *options, tree=tree)
        return play, finish(play.output[-3000:])
