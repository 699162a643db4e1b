"""Durable jobs through the real commands and a real cluster, while parts of it, and then all of it, are killed."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.local_process import LocalProcess, StartLocal, bramble

pytestmark = pytest.mark.e2e

MODEL = "mobilenet_v2"


def make_pictures(folder: Path, number: int) -> Path:
    folder.mkdir()
    for n in range(number):
        Image.new("RGB", (32, 24 + n % 7), (n % 256, n // 256, 77)).save(folder / f"{n:04}.jpg")
    return folder


def kill(local: LocalProcess, *words: str) -> None:
    """Kill -9, all in one instant as far as one can, the processes with these words in their command line."""
    victims = [p for p in local.descendants() if any(w in part for part in p.cmdline() for w in words)]
    assert len(victims) >= len(words)
    for victim in victims:
        victim.kill()


class Submission:
    """A `bramble submit` that runs, and the outcomes it has printed."""

    def __init__(self, local: LocalProcess, *arguments: str) -> None:
        self.process = subprocess.Popen(
            bramble("submit", *arguments, "--model", MODEL, "--json"),
            env={**os.environ, "NATS_CONTEXT": local.told["context"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.outcomes: list[dict[str, Any]] = []

    def read(self, number: int) -> None:
        """Read outcomes until there are so many; the test's own time limit bounds it."""
        assert self.process.stdout is not None
        while len(self.outcomes) < number:
            line = self.process.stdout.readline()
            assert line, f"submit ended after {len(self.outcomes)} outcomes: {self.process.wait(10)}"
            self.outcomes.append(json.loads(line))

    def end(self) -> int:
        """Read what is left and return the exit code."""
        assert self.process.stdout is not None
        self.outcomes += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(30)


@pytest.fixture
def submissions() -> Iterator[list[Submission]]:
    started: list[Submission] = []
    yield started
    for each in started:
        each.process.kill()
        each.process.communicate(timeout=30)


@pytest.mark.timeout(180)
def test_every_job_gets_exactly_one_result_though_each_part_and_then_everything_is_killed(
    start_local: StartLocal, submissions: list[Submission], tmp_path: Path
) -> None:
    local = start_local("--nodes", "3", "--simulated")
    folder = make_pictures(tmp_path / "pictures", 400)
    work = Submission(local, str(folder), "--batch", "all")
    submissions.append(work)
    work.read(30)
    kill(local, "node-2")
    work.read(80)
    kill(local, "controller")
    work.read(130)
    kill(local, "nats-server")
    work.read(200)
    kill(local, "nats-server", "controller", "node-1", "node-3")
    code = work.end()
    ends = Counter(outcome["end"] for outcome in work.outcomes)
    assert (code, ends) == (0, {"done": 400})
    assert max(outcome["deliveries"] for outcome in work.outcomes) > 1
    kept = [json.loads(line) for line in local.tell("jobs", "results", "all").splitlines()]
    assert len({outcome["job"] for outcome in kept}) == len(kept) == 400
    assert {outcome["file"] for outcome in kept} == {str(path) for path in folder.iterdir()}
    (batch,) = local.ask("jobs", "list")[0]["batches"]
    assert (batch["done"], batch.get("queued", 0), batch.get("failed", 0)) == (400, 0, 0)


def test_a_batch_with_poison_in_it_ends_with_its_failures_named(simulated: LocalProcess, tmp_path: Path) -> None:
    folder = make_pictures(tmp_path / "pictures", 5)
    (folder / "poison.jpg").write_bytes(b"no picture at all")
    (folder / "twin.jpg").write_bytes((folder / "0000.jpg").read_bytes())
    done = simulated.run("submit", str(folder), "--model", MODEL, "--batch", "poisoned")
    assert done.returncode == 1
    assert "5 done, 1 failed" in done.stdout
    assert f"{folder / 'poison.jpg'}: bad_image" in done.stderr
    assert "1 pictures are the same as others" in done.stderr
    shown = simulated.tell("jobs", "show", "poisoned")
    assert "poison.jpg" in shown
    again = simulated.run("submit", str(folder), "--model", MODEL, "--batch", "poisoned", "--no-wait", "--json")
    summary = json.loads(again.stdout)
    assert (summary["sent"], summary["ended_before"], summary["jobs"]) == (0, 6, 6)


def test_jobs_come_through_standard_input_and_are_found_again(simulated: LocalProcess, tmp_path: Path) -> None:
    picture = (make_pictures(tmp_path / "pictures", 1) / "0000.jpg").read_bytes()
    (outcome,) = simulated.ask("submit", "-", "--model", MODEL, "--batch", "piped", stdin=picture)
    assert (outcome["end"], outcome["file"]) == ("done", "standard input")
    (found,) = simulated.ask("jobs", "show", "piped", outcome["job"])
    assert found == outcome
    assert simulated.tell("jobs", "forget", "piped") == "batch piped forgotten\n"
    assert simulated.run("jobs", "show", "piped").returncode == 1


def test_a_result_from_before_is_told_though_it_was_read_before_its_picture(
    simulated: LocalProcess, submissions: list[Submission], tmp_path: Path
) -> None:
    first, other = sorted(make_pictures(tmp_path / "pictures", 2).iterdir())
    slow = tmp_path / "slow.jpg"
    os.mkfifo(slow)
    (before,) = simulated.ask("submit", str(first), "--model", MODEL, "--batch", "again")
    again = Submission(simulated, str(slow), str(other), "--batch", "again")
    submissions.append(again)
    again.read(1)  # that of the other picture, which stands behind the one from before
    slow.write_bytes(first.read_bytes())
    assert again.end() == 0
    assert [each["job"] for each in again.outcomes[1:]] == [before["job"]]


def test_what_cannot_be_a_job_is_said_before_anything_is_sent(simulated: LocalProcess, pictures: Path) -> None:
    for arguments, words in (
        (("--model", "nothing"), "no model 'nothing' is configured"),
        (("--model", MODEL, "--batch", "a.b"), "batch 'a.b' is not a valid name"),
        (("--model", MODEL, "--batch", "direct"), "plainly published"),
    ):
        done = simulated.run("submit", str(pictures), *arguments)
        assert done.returncode in (1, 2)
        assert words in done.stderr


def test_the_real_nats_command_submits_a_job(simulated: LocalProcess, pictures: Path, nats_command: str) -> None:
    command = [nats_command, "--context", simulated.told["context"], "pub", "--jetstream", "--force-stdin"]
    with (pictures / "ramp.jpg").open("rb") as picture:
        subprocess.run(
            [*command, f"jobs.{MODEL}", "-H", "Nats-Msg-Id:by-hand"],
            stdin=picture,
            capture_output=True,
            timeout=60,
            check=True,
        )
    while simulated.run("jobs", "show", "direct", "by-hand").returncode:
        pass  # each turn is a whole command; the test's own time limit bounds it
    (outcome,) = simulated.ask("jobs", "show", "direct", "by-hand")
    assert (outcome["end"], outcome["result"]["width"]) == ("done", 320)
