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
