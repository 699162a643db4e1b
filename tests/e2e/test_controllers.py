"""Several controllers as real processes: one is killed or frozen, and its cameras go on."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.e2e.local_process import LocalProcess, start_local_process

pytestmark = pytest.mark.e2e

CAMERAS = ("left", "right")


@pytest.fixture(scope="module")
def pair() -> Iterator[LocalProcess]:
    """Two controllers with two cameras between them; each test leaves both alive."""
    local = start_local_process("--nodes", "1", "--controllers", "2", "--simulated")
    for camera in CAMERAS:
        local.tell("camera", "add", camera, "synthetic:?fps=10", "--model", "mobilenet_v2")
    await_owners(local, lambda owners: set(owners.values()) == {"controller-1", "controller-2"})
    yield local
    local.stop()


def test_the_cameras_of_a_frozen_controller_go_on_with_the_other(pair: LocalProcess) -> None:
    before = pair.ask("status")[0]
    victim = controller(pair, "controller-1")
    (lost,) = next(each["cameras"] for each in before["controllers"] if each["controller"] == "controller-1")
    victim.send_signal(signal.SIGSTOP)
    await_owners(pair, lambda owners: set(owners.values()) == {"controller-2"})
    assert len(pair.ask("results", "--camera", lost, "-n", "3", "--within", "30")) == 3
    after = pair.ask("status")[0]
    assert ledger_adds_up(after["counts"])
    dead = next(each for each in after["controllers"] if each["controller"] == "controller-1")
    assert (dead["liveness"], dead["counts"]["open"], dead["plans"]) == ("dead", 0, False)
    victim.send_signal(signal.SIGCONT)
    await_anew(pair, before)
    await_owners(pair, lambda owners: set(owners.values()) == {"controller-1", "controller-2"})
    assert sum(each["plans"] for each in pair.ask("status")[0]["controllers"]) == 1


def test_a_controller_that_is_killed_is_replaced_and_no_camera_stays_blind(pair: LocalProcess) -> None:
    before = pair.ask("status")[0]
    controller(pair, "controller-1").send_signal(signal.SIGKILL)
    await_anew(pair, before)
    await_owners(pair, lambda owners: len(owners) == len(CAMERAS))
    for camera in CAMERAS:
        assert len(pair.ask("results", "--camera", camera, "-n", "3", "--within", "30")) == 3


def controller(local: LocalProcess, name: str) -> psutil.Process:
    return next(
        each for each in local.descendants() if each.cmdline()[-5:-3] == ["--id", name] or name in each.cmdline()
    )


def await_owners(local: LocalProcess, wanted: Any) -> None:
    """Ask until every camera is live with an owner as wanted; the test's own time limit bounds it."""
    while True:
        cameras = local.ask("camera", "list")
        owners = {each["camera"]: each.get("controller") for each in cameras if each["phase"] == "live"}
        if set(owners) == set(CAMERAS) and wanted(owners):
            return


def await_anew(local: LocalProcess, before: dict[str, Any]) -> None:
    """Ask until both controllers are live, the first in another session than before."""
    old = {each["session"] for each in before["controllers"] if each["controller"] == "controller-1"}
    while True:
        done = local.run("status", "--json")  # while both are away it fails
        controllers = json.loads(done.stdout)["controllers"] if done.returncode == 0 else []
        sessions = {each["session"] for each in controllers if each["liveness"] == "live"}
        if len(sessions) == 2 and not sessions & old:
            return


def ledger_adds_up(counts: dict[str, Any]) -> bool:
    ends = counts["inferred"] + counts["gated"] + sum(counts["dropped"].values()) + sum(counts["failed"].values())
    return bool(counts["offered"] == ends + counts["open"])


def test_seconds_blind_go_on_through_a_restart_of_everything_but_the_broker(pair: LocalProcess) -> None:
    pair.tell("camera", "add", "gone", "rtsp://127.0.0.1:1/none", "--model", "mobilenet_v2")
    while (seconds := blind(pair, "gone")) < 6.0:
        pass  # each turn is a whole command; the test's own time limit bounds it
    began = time.monotonic()
    before = pair.ask("status")[0]
    for name in ("controller-1", "controller-2"):
        controller(pair, name).send_signal(signal.SIGTERM)  # orderly: the last account is written
    await_anew(pair, before)
    passed = time.monotonic() - began
    assert blind(pair, "gone") >= seconds + passed - 3.0  # a status is a second old; from nothing it would be less
    pair.tell("camera", "remove", "gone")


def blind(local: LocalProcess, name: str) -> float:
    return next((each.get("seconds_blind", 0.0) for each in local.ask("camera", "list") if each["camera"] == name), 0.0)
