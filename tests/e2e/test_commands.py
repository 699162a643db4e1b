"""Every command against three simulated nodes."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image

from tests.e2e.local_process import LocalProcess, bramble

pytestmark = pytest.mark.e2e

MODELS = ["mobilenet_v2", "ssd_mobilenet_v2"]


def test_the_line_of_json_tells_a_program_all_it_needs(simulated: LocalProcess) -> None:
    told = simulated.told
    assert sorted(told) == ["access", "context", "metrics", "models", "nodes", "url"]
    assert (told["nodes"], sorted(told["models"])) == (["node-1", "node-2", "node-3"], MODELS)
    assert told["url"].startswith("nats://127.0.0.1:")


def test_the_context_file_and_its_directory_are_the_user_s_alone(simulated: LocalProcess) -> None:
    context = Path(simulated.told["context"])
    assert stat.S_IMODE(context.stat().st_mode) == 0o600
    assert stat.S_IMODE(context.parent.stat().st_mode) == 0o700


def test_no_secret_is_in_the_arguments_or_the_environment_of_any_process(simulated: LocalProcess) -> None:
    directory = Path(simulated.told["context"]).parent
    files = [*directory.glob("*.creds"), *Path(simulated.told["access"]).glob("*.nk")]
    secrets = {word for file in files for word in file.read_text().split() if re.fullmatch("S[OAU][A-Z2-7]{56}", word)}
    assert len(secrets) == 5 + 10  # the operator, the controller and three nodes; and what signs
    for process in simulated.descendants():
        told = " ".join([*process.cmdline(), *process.environ().values()])
        assert not [secret for secret in secrets if secret in told]
    assert not [secret for secret in secrets if secret in (directory / "broker" / "trust.conf").read_text()]


def test_the_url_alone_lets_nobody_in(simulated: LocalProcess, tmp_path: Path) -> None:
    path = tmp_path / "url-only.json"
    path.write_text(json.dumps({"url": simulated.told["url"]}))
    done = simulated.run("status", "--context", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "refused this user" in done.stderr
    assert "remedy: have an operator run `bramble access list`" in done.stderr


def test_status_is_one_line_and_the_ledger(simulated: LocalProcess) -> None:
    lines = simulated.tell("status").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("ok: 3/3 nodes live")


def test_nodes_are_listed_as_lines_of_json_and_as_a_table(simulated: LocalProcess) -> None:
    nodes = simulated.ask("nodes")
    assert [(node["node"], node["liveness"]) for node in nodes] == [(f"node-{n}", "live") for n in (1, 2, 3)]
    assert simulated.tell("nodes").splitlines()[0].split()[:2] == ["NODE", "STATE"]


def test_a_drained_node_says_so_and_takes_work_again_after_undrain(simulated: LocalProcess) -> None:
    simulated.tell("nodes", "drain", "node-2")
    try:
        await_draining(simulated, "node-2", wanted=True)
    finally:
        simulated.tell("nodes", "undrain", "node-2")
    await_draining(simulated, "node-2", wanted=False)


def await_draining(simulated: LocalProcess, name: str, *, wanted: bool) -> None:
    """Ask until the node's next heartbeat tells; the test's own time limit bounds it."""
    while True:
        nodes = {node["node"]: node["heartbeat"] for node in simulated.ask("nodes")}
        if nodes[name].get("draining", False) is wanted:
            return


def test_draining_a_node_that_is_not_there_names_it(simulated: LocalProcess) -> None:
    done = simulated.run("nodes", "drain", "node-9")
    assert done.returncode == 1
    assert "no node 'node-9' is connected" in done.stderr


def test_every_picture_of_a_directory_gets_one_line(simulated: LocalProcess, pictures: Path) -> None:
    found = simulated.ask("infer", str(pictures), "--model", "mobilenet_v2")
    assert sorted(Path(line["file"]).name for line in found) == ["ramp.jpg", "ramp.png"]
    for line in found:
        assert line["result"]["classes"][0]["label"] == "simulated"
        assert line["result"]["nodes"][0] in simulated.told["nodes"]
        assert (line["result"]["width"], line["result"]["height"]) == (320, 240)


def test_a_picture_can_come_on_standard_input(simulated: LocalProcess, pictures: Path) -> None:
    data = (pictures / "ramp.jpg").read_bytes()
    lines = simulated.tell("infer", "-", "--model", "mobilenet_v2", stdin=data).splitlines()
    assert lines[0].split() == ["FILE", "ANSWER", "NODE", "TIME"]
    assert lines[1].startswith("standard input  simulated")


def test_one_bad_picture_fails_alone_and_the_exit_code_tells(
    simulated: LocalProcess, pictures: Path, tmp_path: Path
) -> None:
    whole = (pictures / "ramp.jpg").read_bytes()
    (tmp_path / "bad.jpg").write_bytes(whole[:20])
    (tmp_path / "good.jpg").write_bytes(whole)
    done = simulated.run("infer", str(tmp_path), "--model", "mobilenet_v2", "--json")
    assert done.returncode == 1
    lines = {Path(line["file"]).name: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["bad.jpg"]["error"]["code"] == "bad_image"
    assert "error" not in lines["good.jpg"]


def test_an_unknown_model_is_named_with_a_remedy(simulated: LocalProcess, pictures: Path) -> None:
    done = simulated.run("infer", str(pictures / "ramp.jpg"), "--model", "mobilenet_v3")
    assert done.returncode == 1
    assert "unknown_model" in done.stdout
    assert "remedy for" in done.stderr


def test_the_annotated_picture_is_written_where_it_was_asked_for(
    simulated: LocalProcess, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "seen.jpg"
    simulated.tell("infer", str(pictures / "ramp.jpg"), "--model", "ssd_mobilenet_v2", "--picture", str(out))
    with Image.open(out) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (320, 240))


def test_a_camera_comes_in_live_and_every_frame_finds_its_end(simulated: LocalProcess) -> None:
    before = simulated.ask("status")[0]["counts"]
    added = simulated.tell("camera", "add", "yard", "-", "--model", "mobilenet_v2", "--fps", "5", stdin="synthetic:\n")
    assert "yard" in added
    try:
        found = simulated.ask("results", "--camera", "yard", "-n", "3", "--within", "30")
        assert len({result["frame"] for result in found}) == 3
        assert all(result["camera"] == "yard" and result["model"] == "mobilenet_v2" for result in found)
        cameras = simulated.ask("cameras")
        assert [(camera["camera"], camera["phase"]) for camera in cameras] == [("yard", "live")]
    finally:
        simulated.tell("camera", "remove", "yard")
    counts = simulated.ask("status")[0]["counts"]
    ends = counts["inferred"] + counts["gated"] + sum(counts["dropped"].values()) + sum(counts["failed"].values())
    assert counts["open"] == 0
    assert counts["offered"] == ends
    assert counts["inferred"] >= before["inferred"] + 3


def test_a_camera_s_password_is_never_printed(simulated: LocalProcess) -> None:
    url = "rtsp://me:hunter2@127.0.0.1:1/stream"
    done = simulated.run("camera", "test", "-", "--timeout", "2", stdin=url)
    assert done.returncode == 1
    assert "error: rtsp://***@127.0.0.1:1/stream" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_camera_can_be_tried_without_adding_it(simulated: LocalProcess) -> None:
    report = simulated.ask("camera", "test", "synthetic:")[0]
    assert (report["ok"], simulated.ask("camera", "list")) == (True, [])


def test_a_camera_for_a_model_that_is_not_served_is_refused(simulated: LocalProcess) -> None:
    done = simulated.run("camera", "add", "yard", "synthetic:", "--model", "nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")


def test_results_that_do_not_come_are_an_error_in_the_time_given(simulated: LocalProcess) -> None:
    done = simulated.run("results", "--within", "0.2")
    assert done.returncode == 1
    assert "0 of 1 results came within 0.2 s" in done.stderr


def test_the_list_of_models_says_which_are_served(simulated: LocalProcess, tmp_path: Path) -> None:
    models = simulated.ask("model", "list", "--library", str(tmp_path))
    assert [(model["name"], model["library"], len(model["nodes_ready"])) for model in models] == [
        (name, False, 3) for name in MODELS
    ]


def test_the_metrics_address_answers(simulated: LocalProcess) -> None:
    with urlopen(simulated.told["metrics"], timeout=10) as reply:  # noqa: S310 - our own loopback server
        assert b"bramble_" in reply.read()


def test_a_reader_that_has_enough_ends_a_command_without_a_traceback(simulated: LocalProcess, pictures: Path) -> None:
    command = bramble("infer", *[str(pictures)] * 20, "--model", "mobilenet_v2", "--json")
    environment = {**os.environ, "NATS_CONTEXT": simulated.told["context"]}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["result"]
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_the_logs_of_all_programs_are_one_in_order_of_time(simulated: LocalProcess) -> None:
    simulated.tell("nodes", "drain", "node-2")
    simulated.tell("nodes", "undrain", "node-2")

    lines = simulated.ask("logs", "-n", "500")

    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert {"node/node-1", "node/node-2", "node/node-3"} < {line["program"] for line in lines}
    assert {line["program"].partition("/")[0] for line in lines} == {"node", "controller"}
    told = simulated.ask("logs", "node-2", "-n", "2")
    assert [line["fields"]["action"] for line in told] == ["drain", "undrain"]
    plain = simulated.tell("logs", "node/node-2", "-n", "2").splitlines()
    assert len(plain) == 2
    assert all("node/node-2 info bramble.agent told to action=" in line for line in plain)
    assert "\x1b" not in "".join(plain)


def test_an_unknown_program_is_refused_with_those_that_are_near(simulated: LocalProcess) -> None:
    done = simulated.run("logs", "nod-2")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "there is no node or controller 'nod-2'" in done.stderr
    assert "node-2" in done.stderr.splitlines()[1]


def test_a_program_that_does_not_answer_is_named_and_the_others_are_shown(simulated: LocalProcess) -> None:
    done = simulated.run("logs", "node/node-1", "node/gone", "-n", "1")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "node/gone does not tell its log: nobody is there" in done.stderr
    assert simulated.run("logs", "node/gone").returncode == 1


def test_logs_are_followed_until_ctrl_c(simulated: LocalProcess) -> None:
    following = subprocess.Popen(
        bramble("logs", "node-3", "-f", "--json", "-n", "1"),
        env={**os.environ, "NATS_CONTEXT": simulated.told["context"]},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["program"] == "node/node-3"
        simulated.tell("nodes", "drain", "node-3")
        simulated.tell("nodes", "undrain", "node-3")
        actions = [json.loads(following.stdout.readline())["fields"]["action"] for _ in range(2)]
        assert actions == ["drain", "undrain"]
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=20)
    finally:
        following.kill()
    assert (following.returncode, said) == (0, "")
