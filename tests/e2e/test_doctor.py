"""The real `bramble doctor` on real clusters: what it says and what cron is told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.local_process import LocalProcess, StartLocal, bramble

pytestmark = pytest.mark.e2e


def examine(local: LocalProcess, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = local.run("doctor", *arguments, "--json")
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def bad(findings: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(each["about"], each["check"]) for each in findings if each["severity"] != "well"}


def test_everything_is_looked_at_and_every_node_examines_itself(simulated: LocalProcess) -> None:
    code, findings = examine(simulated)

    looked = {(each["about"], each["check"]) for each in findings}
    assert looked >= {("broker", "version"), ("broker", "max_payload"), ("controller controller", "nodes")}
    assert looked >= {
        (f"node node-{number}", check) for number in (1, 2, 3) for check in ("heartbeat", "fsync", "disk")
    }
    machine = {(f"node node-{number}", check) for number in (1, 2, 3) for check in ("load", "memory")}
    assert bad(findings) <= machine
    assert code == (1 if bad(findings) else 0)


def test_a_drained_node_is_a_warning(simulated: LocalProcess) -> None:
    simulated.tell("nodes", "drain", "node-2")
    try:
        code, findings = examine(simulated, "node", "node-2")
    finally:
        simulated.tell("nodes", "undrain", "node-2")

    assert code == 1
    assert ("node node-2", "draining") in bad(findings)
    assert {each["about"] for each in findings} == {"node node-2"}


def test_a_blind_camera_is_broken_and_said_with_its_remedy(simulated: LocalProcess) -> None:
    simulated.tell("camera", "add", "lost", "rtsp://user:secret@127.0.0.1:9/none", "--model", "mobilenet_v2")
    try:
        for _ in range(100):  # each takes a quarter of a second at least
            done = simulated.run("doctor", "camera", "lost")
            if done.returncode == 2:
                break
    finally:
        simulated.tell("camera", "remove", "lost")

    assert done.returncode == 2, done.stdout
    assert "✖ pictures: blind" in done.stdout
    assert "→ " in done.stdout
    assert "secret" not in done.stdout


def test_a_name_that_nothing_has_cannot_be_looked_at(simulated: LocalProcess) -> None:
    done = simulated.run("doctor", "node", "nobody")

    assert done.returncode == 3
    assert "there is no node 'nobody'" in done.stderr


def test_a_cluster_without_its_controller_is_broken(start_local: StartLocal) -> None:
    local = start_local("--nodes", "1", "--simulated", "--model", "mobilenet_v2")
    controller = next(each for each in local.descendants() if "controller" in each.cmdline())
    controller.suspend()
    try:
        code, findings = examine(local)
    finally:
        controller.resume()

    assert code == 2
    assert ("controller", "answers") in bad(findings)


def test_a_server_that_nobody_answers_on_cannot_be_looked_at(tmp_path: Path) -> None:
    environment = {**os.environ, "NATS_URL": "nats://127.0.0.1:9", "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(bramble("doctor"), env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 3
    assert "no NATS server answers" in done.stderr


def test_the_monitoring_page_is_read_where_it_is_given(simulated: LocalProcess) -> None:
    done = simulated.run("doctor", "--monitor", "http://127.0.0.1:9")

    assert done.returncode == 3
    assert "the monitoring page http://127.0.0.1:9 cannot be read" in done.stderr
