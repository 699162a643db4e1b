"""The degradation ladder from the command line to the results, over a cluster that cannot give what is wanted."""

from __future__ import annotations

import pytest

from tests.e2e.local_process import StartLocal

pytestmark = pytest.mark.e2e


def test_a_camera_that_wants_more_than_there_is_falls_back_to_the_smaller_model_and_says_so(
    start_local: StartLocal,
) -> None:
    local = start_local("--nodes", "1", "--simulated")
    wish = ("--model", "ssd_mobilenet_v2", "--fallback", "mobilenet_v2", "--min-fps", "30")
    local.tell("camera", "add", "street", "synthetic:?fps=30", *wish)
    while True:  # bounded by the test's own time limit
        (result,) = local.ask("results", "--camera", "street", "-n", "1", "--within", "30")
        if result.get("stand_in"):
            break
    assert (result["model"], result["stand_in"]) == ("ssd_mobilenet_v2", "mobilenet_v2")
    assert result["degraded"] in {"smaller_model", "fewer_frames"}
    (camera,) = local.ask("camera", "list")
    assert set(camera["degraded"]) == {"ssd_mobilenet_v2"}
    assert local.run("status").stdout.startswith("degraded: ")
    done = local.run("camera", "add", "x", "synthetic:", "--model", "mobilenet_v2", "--no-ladder", "--min-fps", "3")
    assert (done.returncode, "belong to --ladder" in done.stderr) == (2, True)


def test_the_primary_serves_alone_and_the_backup_takes_over_when_it_is_drained(start_local: StartLocal) -> None:
    local = start_local("--nodes", "2", "--simulated")
    local.tell("model", "primary", "mobilenet_v2", "node-2")
    while True:  # bounded by the test's own time limit
        (model,) = (each for each in local.ask("status")[0]["models"] if each["model"] == "mobilenet_v2")
        if model.get("standing_by"):
            break
    assert (model["primary"], model["standing_by"]) == (["node-2"], ["node-1"])
    local.tell("camera", "add", "yard", "synthetic:?fps=10", "--model", "mobilenet_v2")
    assert {node for each in local.ask("results", "-n", "5", "--within", "30") for node in each["nodes"]} == {"node-2"}
    local.tell("nodes", "drain", "node-2")
    while local.ask("results", "-n", "1", "--within", "30")[0]["nodes"] != ["node-1"]:
        pass
    local.tell("model", "primary", "mobilenet_v2", "--none")
