"""A real agent with the simulated backend on a real broker."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.agent_testing.models import claim_size, make_jpeg, simulated_manifest
from tests.agent_testing.running_agent import RunningAgent, read_answer
from cli.local.broker import Broker
from wire import subjects
from wire.bus import Bus
from wire.errors import ErrorCode, NoRespondersError, error_from_json
from wire.messages import Done, ShardState, decode


async def test_an_assigned_model_is_served_and_its_answer_says_where_the_time_went(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=0.03), "simulated")
        answer = await agent.infer(shard, make_jpeg(64, 48))
        assert (answer.model, answer.digest, answer.nodes) == ("sim", shard.digest, ("pi1",))
        assert (answer.width, answer.height) == (64, 48)
        assert answer.classes is not None
        assert [each.label for each in answer.classes] == ["simulated"]
        assert 30 <= answer.timings.infer_ms < 300
        report = (await agent.wait_for(lambda beat: any(each.served == 1 for each in beat.shards))).shards[0]
        assert report.ewma_ms >= 30


async def test_an_agent_that_simulates_fits_64_mib(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=0.001), "simulated")
        for _ in range(50):
            await agent.infer(shard, make_jpeg(640, 480))
        print("VmRSS MiB", agent.memory() / 2**20, "peak", agent.memory("VmHWM") / 2**20)
        assert agent.memory("VmHWM") <= 64 << 20
