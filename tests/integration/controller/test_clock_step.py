"""The controller's wall clock steps by an hour while a camera runs; nothing that decides asks that clock."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from cli.local.broker import Broker
from controller.controller import Controller
from controller.settings import parse_settings
from modelkit.manifest import encode_manifest
from tests.agent_testing.models import simulated_manifest
from tests.agent_testing.running_agent import RunningAgent
from wire import subjects
from wire.bus import Bus, Received
from wire.cameras import CameraConfig, CameraStatus
from wire.messages import Result, decode, encode
from wire.systemd import Notifier

WITHIN_S = 40.0


class Ear:
    """What is published of the camera."""

    def __init__(self) -> None:
        self.results = 0
        self.statuses: list[CameraStatus] = []
        self.changed = asyncio.Event()

    async def take_result(self, message: Received) -> None:
        self.results += decode(message.data, Result).error is None
        self.changed.set()

    async def take_status(self, message: Received) -> None:
        self.statuses.append(decode(message.data, CameraStatus))
        self.changed.set()

    async def until(self, results: int, statuses: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while self.results < results or len(self.statuses) < statuses:
                self.changed.clear()
                await self.changed.wait()


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["forward", "back"])
async def test_a_step_of_the_wall_clock_stops_nothing_and_blinds_nobody(
    bus: Bus, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    manifest = simulated_manifest(seconds=0.01)
    controller = await Controller.open(
        parse_settings(["--id", "c1", "--metrics-port", "0"]), bus, Notifier({}), place="here"
    )
    config = await bus.bucket(subjects.CONFIG_BUCKET)
    await config.put(subjects.MODEL_KEY.build(model="sim"), encode_manifest(manifest))
    camera = CameraConfig(camera="door", url="synthetic:?fps=10", models=("sim",))
    await config.put(subjects.CAMERA_KEY.build(camera="door"), encode(camera))
    ear = Ear()
    await bus.data.subscribe(subjects.RESULTS.wildcard(camera="door"), ear.take_result)
    await bus.data.subscribe(subjects.CAMERA_STATUS.wildcard(camera="door"), ear.take_status)
    async with RunningAgent.start(bus, broker.context, tmp_path):
        running = asyncio.create_task(controller.run())
        try:
            await ear.until(results=5, statuses=2)
            before = ear.statuses[-1].seconds_blind
            session = controller._keeper.session
            real = time.time
            monkeypatch.setattr(time, "time", lambda: real() + step)
            seen = len(ear.statuses)
            await ear.until(results=ear.results + 20, statuses=seen + 3)
            assert {status.phase for status in ear.statuses[seen:]} == {"live"}
            assert ear.statuses[-1].seconds_blind == before
            assert controller._keeper.session == session
            assert [node.liveness for node in controller._nodes.statuses()] == ["live"]
        finally:
            running.cancel()
            await asyncio.wait({running})
