"""A real agent with LiteRT and really built models."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.local.broker import Broker
from modelkit.manifest import Manifest
from modelkit.picture import decode_picture, encode_jpeg
from tests.agent_testing.running_agent import RunningAgent
from wire.bus import Bus

MIB = 1 << 20


@pytest.mark.parametrize("variant", ["cpu-int8", "cpu-f32"])
async def test_a_real_model_names_the_cat(
    bus: Bus, broker: Broker, tmp_path: Path, mobilenet: Manifest, cat: bytes, variant: str
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        shard = await agent.ready(mobilenet, variant)
        answer = await agent.infer(shard, encode_jpeg(decode_picture(cat)))
        assert answer.classes is not None
        assert len(answer.classes) == 5
        assert answer.classes[0].label == "Egyptian cat"
        assert answer.timings.decode_ms > 0
        assert answer.timings.infer_ms > 0


async def test_an_agent_with_an_int8_model_stays_within_80_mib(
    bus: Bus, broker: Broker, tmp_path: Path, mobilenet: Manifest, cat: bytes
) -> None:
    jpeg = encode_jpeg(decode_picture(cat))
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        shard = await agent.ready(mobilenet, "cpu-int8")
        for _ in range(100):
            answer = await agent.infer(shard, jpeg)
        print("VmRSS MiB", agent.memory() / MIB, "peak", agent.memory("VmHWM") / MIB, answer.timings)
        assert agent.memory() <= 80 * MIB


async def test_a_detector_finds_boxes_within_the_picture(
    bus: Bus, broker: Broker, tmp_path: Path, ssd: Manifest, library: object, cat: bytes
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        shard = await agent.ready(ssd, ssd.artefacts[0].variant)
        known = ssd.known_answer
        assert known is not None
        answer = await agent.infer(shard, library.path(known.sha256).read_bytes())
        assert answer.detections
        assert {each.label for each in known.boxes} <= {each.label for each in answer.detections}
        assert all(0 <= side <= 1 for each in answer.detections for side in each.box)
