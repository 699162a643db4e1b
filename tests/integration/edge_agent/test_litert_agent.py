"""A real agent with LiteRT and really built models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.local.broker import Broker
from modelkit.library import Library
from modelkit.manifest import Manifest
from tests.agent_testing.running_agent import RunningAgent, shard_of
from wire.bus import Bus
from wire.messages import ShardState

MIB = 1 << 20


@pytest.fixture
async def agent(bus: Bus, broker: Broker, tmp_path: Path) -> AsyncIterator[RunningAgent]:
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        yield agent


@pytest.mark.parametrize("variant", ["cpu-int8", "cpu-f32"])
async def test_a_real_model_names_the_cat(
    agent: RunningAgent, mobilenet: Manifest, cat_jpeg: bytes, variant: str
) -> None:
    shard = await agent.ready(mobilenet, variant)
    answer = await agent.infer(shard, cat_jpeg)
    assert answer.classes is not None
    assert len(answer.classes) == 5
    assert answer.classes[0].label == "Egyptian cat"
    assert answer.timings.decode_ms > 0
    assert answer.timings.infer_ms > 0


@pytest.mark.usefixtures("as_on_a_node")
async def test_an_agent_with_an_int8_model_stays_within_80_mib(
    agent: RunningAgent, mobilenet: Manifest, cat_jpeg: bytes
) -> None:
    shard = await agent.ready(mobilenet, "cpu-int8")
    for _ in range(100):
        await agent.infer(shard, cat_jpeg)
    assert agent.memory("VmHWM") <= 80 * MIB


async def test_a_detector_finds_what_its_known_picture_shows(
    agent: RunningAgent, ssd: Manifest, library: Library
) -> None:
    shard = await agent.ready(ssd, ssd.artefacts[0].variant)
    known = ssd.known_answer
    assert known is not None
    answer = await agent.infer(shard, library.path(known.sha256).read_bytes())
    assert answer.detections
    assert {each.label for each in known.boxes} <= {each.label for each in answer.detections}
    assert all(0 <= side <= 1 for each in answer.detections for side in each.box)


async def test_one_agent_serves_two_models(
    agent: RunningAgent, mobilenet: Manifest, ssd: Manifest, cat_jpeg: bytes
) -> None:
    classifier = await agent.ready(mobilenet, "cpu-int8")
    await agent.configure(ssd)
    detector = shard_of(ssd, ssd.artefacts[0].variant)
    await agent.assign_shards(classifier, detector)
    await agent.wait_for_state(detector, ShardState.READY, within=60)
    assert (await agent.infer(classifier, cat_jpeg)).classes is not None
    assert (await agent.infer(detector, cat_jpeg)).detections is not None
