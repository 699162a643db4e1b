"""The real notifier beside a real cluster: a node that falls silent, a sighting, and its own sudden death."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.local_process import LocalProcess
from tests.notifier_testing.servers import Ear, MqttBroker, WebServer, listening

pytestmark = pytest.mark.e2e

STOP_S = 20.0


@contextmanager
def notifying(local: LocalProcess, directory: Path, mqtt: int, webhook: str) -> Iterator[subprocess.Popen[bytes]]:
    config = directory / "notify.toml"
    config.touch(mode=0o600)
    config.write_text(
        f'patience_s = 0\n[webhook]\nurl = "{webhook}"\n[mqtt]\nhost = "127.0.0.1"\nport = {mqtt}\n'
        '[[sightings]]\nlabels = ["simulated"]\nhold_s = 1\n'
    )
    command = [sys.executable, "-m", "notifier", "--config", str(config)]
    process = subprocess.Popen(command, env={**os.environ, "NATS_CONTEXT": local.told["context"]})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_S)


@pytest.fixture
def mqtt_broker(tmp_path: Path) -> Iterator[MqttBroker]:
    broker = MqttBroker("nats-server", tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    yield server
    server.close()


def read_state(ear: Ear, topic: str) -> dict[str, object]:
    payload = ear.retained.get(topic)
    found: dict[str, object] = json.loads(payload) if payload else {}
    return found


async def wait_for_notice(web: WebServer, **wanted: str) -> dict[str, object]:
    while True:
        _, body = await web.next(within=30.0)
        if wanted.items() <= body.items():
            return body


async def test_what_happens_in_a_cluster_is_told_and_so_is_its_end(
    simulated: LocalProcess, mqtt_broker: MqttBroker, web: WebServer, tmp_path: Path
) -> None:
    silent = next(each for each in simulated.descendants() if "node-3" in each.cmdline())
    async with listening(mqtt_broker.port) as ear:
        with notifying(simulated, tmp_path, mqtt_broker.port, web.url):
            await ear.wait_for_payload("bramble/availability", b"online", within=30)
            await ear.wait_for(lambda: read_state(ear, "bramble/node/node-3/state").get("up") == "ON")
            silent.suspend()
            try:
                told = await wait_for_notice(web, about="node node-3", state="raised")
                await ear.wait_for(lambda: read_state(ear, "bramble/node/node-3/state").get("up") == "OFF")
                await ear.wait_for(lambda: read_state(ear, "bramble/cluster/state").get("problem") == "ON")
            finally:
                silent.resume()
            await wait_for_notice(web, about="node node-3", state="cleared")
            await ear.wait_for(lambda: read_state(ear, "bramble/cluster/state").get("problem") == "OFF")
        await ear.wait_for_payload("bramble/availability", b"offline")

    assert told["severity"] == "broken"
    assert told["remedy"]


async def test_a_sighting_is_told_with_its_frame(
    simulated: LocalProcess, mqtt_broker: MqttBroker, web: WebServer, tmp_path: Path
) -> None:
    async with listening(mqtt_broker.port) as ear:
        with notifying(simulated, tmp_path, mqtt_broker.port, web.url):
            await ear.wait_for_payload("bramble/availability", b"online", within=30)
            simulated.tell("camera", "add", "porch", "synthetic:?fps=5", "--model", "ssd_mobilenet_v2")
            try:
                told = await wait_for_notice(web, kind="sighting", about="camera porch", state="raised")
                await ear.wait_for(
                    lambda: read_state(ear, "bramble/camera/porch/state").get("seen") == {"simulated": "ON"}
                )
            finally:
                simulated.tell("camera", "remove", "porch")
            await wait_for_notice(web, kind="sighting", about="camera porch", state="cleared")
            await ear.wait_for_payload("bramble/camera/porch/state", b"")

    assert told["frame"]


async def test_a_notifier_that_is_killed_leaves_offline_behind(
    simulated: LocalProcess, mqtt_broker: MqttBroker, web: WebServer, tmp_path: Path
) -> None:
    async with listening(mqtt_broker.port) as ear:
        with notifying(simulated, tmp_path, mqtt_broker.port, web.url) as process:
            await ear.wait_for_payload("bramble/availability", b"online", within=30)
            process.kill()
            await ear.wait_for_payload("bramble/availability", b"offline", within=30)


def test_a_file_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "notify.toml"
    config.write_text('[mqtt]\nhost = "x"\npassword = "T0P-S3CRET"\n')
    config.chmod(0o644)

    done = subprocess.run(
        [sys.executable, "-m", "notifier", "--config", config], capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 3
    assert "chmod 600" in done.stderr
    assert "S3CRET" not in done.stderr
