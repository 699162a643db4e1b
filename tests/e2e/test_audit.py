"""The record of a whole cluster, as its operator reads it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.e2e.local_process import COMMAND_S, LocalProcess, bramble
from tests.testing.raw_client import raw_client
from wire.context import load_context

WITHIN_S = 30.0


def find(entries: list[Any], action: str, **wanted: str) -> list[dict[str, Any]]:
    deeds = [each["entry"]["deed"] for each in entries]
    return [deed for deed in deeds if deed["action"] == action and wanted.items() <= deed.items()]


def test_what_was_done_and_what_was_refused_is_on_the_record_and_no_password(simulated: LocalProcess) -> None:
    simulated.tell("camera", "add", "gate", "rtsp://joe:s3cret@127.0.0.1:9/1", "--model", "mobilenet_v2")
    simulated.tell("camera", "remove", "gate")
    assert simulated.run("camera", "remove", "gate").returncode != 0
    simulated.tell("nodes", "drain", "node-2")
    simulated.tell("nodes", "undrain", "node-2")

    entries = simulated.ask("audit")

    (added,) = find(entries, "camera.add", target="gate")
    assert added["detail"] == "rtsp://***@127.0.0.1:9/1"
    assert [deed.get("outcome", "done") for deed in find(entries, "camera.remove", target="gate")] == [
        "done",
        "refused",
    ]
    assert find(entries, "node.drain", target="node-2")
    assert find(entries, "model.add", target="mobilenet_v2")
    assert len({deed["who"] for deed in find(entries, "node.drain")}) == 1
    assert "s3cret" not in json.dumps(entries)


def test_a_model_that_nobody_signed_is_so_on_the_record(simulated: LocalProcess, tmp_path: Path) -> None:
    simulated.tell("model", "push", "mobilenet_v2", "--allow-unsigned")
    unsigned = find(simulated.ask("audit"), "model.add", target="mobilenet_v2")[-1]
    assert unsigned["detail"].endswith("not signed")

    simulated.tell("model", "keygen", "--key", str(tmp_path / "key"))
    simulated.tell("model", "push", "mobilenet_v2", "--key", str(tmp_path / "key"))
    signed = find(simulated.ask("audit"), "model.add", target="mobilenet_v2")[-1]
    assert "signed" not in signed.get("detail", "")
    assert signed["digest"] == unsigned["digest"]


def test_no_password_and_no_key_is_in_a_metric_or_a_log(simulated: LocalProcess) -> None:
    directory = Path(simulated.told["access"]).parent
    keys = {word for path in directory.rglob("*") if path.suffix in {".nk", ".creds"}
            for word in path.read_text().split() if re.fullmatch("S[OAU][A-Z2-7]{56}", word)}  # fmt: skip
    assert keys
    simulated.tell("camera", "add", "vault", "rtsp://joe:s3cret@127.0.0.1:9/1", "--model", "mobilenet_v2")
    try:
        deadline = time.monotonic() + WITHIN_S
        while 'camera="vault"' not in (metrics := read_metrics(simulated)):
            assert time.monotonic() < deadline, metrics[-2000:]
    finally:
        simulated.tell("camera", "remove", "vault")
    told = {path.name: path.read_text(errors="replace") for path in directory.rglob("*.log")} | {"metrics": metrics}
    assert any("vault" in text for name, text in told.items() if name != "metrics")
    assert [name for name, text in told.items() if any(secret in text for secret in ("s3cret", *keys))] == []


def read_metrics(local: LocalProcess) -> str:
    with urlopen(f"{local.told['metrics'].removesuffix('/metrics')}/metrics", timeout=WITHIN_S) as reply:  # noqa: S310 - its own
        data: bytes = reply.read()
    return data.decode()


def test_the_record_proves_itself_whole_and_an_old_head_is_part_of_it(simulated: LocalProcess) -> None:
    (first,) = simulated.ask("audit", "--verify")
    assert first["whole"]
    simulated.tell("audit", "note", "deploy.release", "pi1", "--detail", "by hand")
    (second,) = simulated.ask("audit", "--verify", "--expect", first["head"])
    assert second["whole"]
    assert second["entries"] == first["entries"] + 1

    forged = f"{second['entries'] + 5}:{'0' * 64}"
    done = simulated.run("audit", "--verify", "--expect", forged)
    assert done.returncode == 1
    assert "its end was cut off" in done.stderr


@pytest.mark.parametrize(
    ("subject", "body", "target"),
    [
        ("infer.m%2e*", b"picture", "infer.m%2e*"),
        ("frames.door;x", b"picture", "frames.door;x"),
        ("control.{me}.camera.snapshot", b'{"name": "door.>"}', "control.{me}.camera.snapshot"),
    ],
)
async def test_a_name_of_a_camera_or_a_model_that_is_none_is_refused_and_on_the_record(
    simulated: LocalProcess, subject: str, body: bytes, target: str
) -> None:
    context = load_context(simulated.told["context"])
    async with raw_client(context) as operator:
        refused = json.loads(await operator.request(subject.format(me=context.user_name), body))
    assert refused["error"]["code"] == "bad_request"

    deadline = time.monotonic() + WITHIN_S
    while not (found := find(simulated.ask("audit"), "access.name", target=target.format(me=context.user_name))):
        assert time.monotonic() < deadline
    assert found[0]["outcome"] == "refused"
    assert found[0]["detail"].startswith("no valid name")
    assert 'bramble_refused_total{kind="name"}' in read_metrics(simulated)


@pytest.mark.parametrize("subject", ["infer.mobilenet_v2", "frames.door", "$SRV.PING"])
async def test_an_answer_that_is_wanted_in_the_store_is_given_nowhere_and_that_is_on_the_record(
    simulated: LocalProcess, subject: str
) -> None:
    before = simulated.ask("camera", "list")
    async with raw_client(load_context(simulated.told["context"])) as operator:
        await operator.publish(subject, b"picture", reply="$KV.config.cameras.forged")

    deadline = time.monotonic() + WITHIN_S
    while not (found := find(simulated.ask("audit"), "access.control", target=subject)):
        assert time.monotonic() < deadline
    assert found[0]["outcome"] == "refused"
    assert "its answer was wanted elsewhere: '$KV.config.cameras.forged'" in found[0]["detail"]
    assert simulated.ask("camera", "list") == before


def test_what_a_viewer_may_not_do_is_on_the_record_in_its_name(simulated: LocalProcess, tmp_path: Path) -> None:
    context = tmp_path / "vera.json"
    let_in = bramble(
        "access", "add", "vera", "--role", "viewer", "--access", simulated.told["access"], "--out", str(context)
    )
    subprocess.run(let_in, check=True, capture_output=True, timeout=COMMAND_S)
    refused = subprocess.run(
        bramble("camera", "remove", "door"),
        env={**os.environ, "NATS_CONTEXT": str(context)}, capture_output=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    assert refused.returncode != 0

    deadline = time.monotonic() + WITHIN_S
    read = ("audit", "--access", simulated.told["access"])
    while not (found := find(simulated.ask(*read), "access.publish", who="vera", outcome="refused")):
        if time.monotonic() > deadline:
            pytest.fail(f"nothing of vera in {simulated.ask(*read)[-5:]}")
    assert find(simulated.ask(*read), "access.add", target="vera")
    assert found[0]["target"] == "control.vera.camera.remove"
