"""A real agent times real models, and answers probes of its link."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from cli.local.broker import Broker
from modelkit.manifest import Manifest, SimulatedSpec
from tests.agent_testing.models import make_jpeg, simulated_manifest
from tests.agent_testing.running_agent import RunningAgent
from wire import subjects
from wire.bus import Bus
from wire.errors import BrambleError, ErrorCode, error_from_json
from wire.messages import decode, encode
from wire.profiles import PROBE_BYTES, PROBE_CPU, Profile, ProfileRequest

WITHIN_S = 60


async def ask(agent: RunningAgent, request: ProfileRequest) -> Profile:
    subject = subjects.NODE_COMMAND.build(node=agent.node, verb="profile")
    reply = await agent.bus.control.request(subject, encode(request), within=WITHIN_S)
    if error := error_from_json(reply.data):
        raise error
    return decode(reply.data, Profile)


async def has_manifest(agent: RunningAgent, request: ProfileRequest) -> Profile:
    """Ask until the agent has heard of the model."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await ask(agent, request)
            except BrambleError as error:
                if "there is no manifest" not in error.message:
                    raise
                await agent.wait_for(lambda _: True)


async def test_a_real_model_and_its_prefixes_are_timed(
    bus: Bus, broker: Broker, tmp_path: Path, mobilenet: Manifest
) -> None:
    request = ProfileRequest(
        model="mobilenet_v2", variant="cpu-int8", digest=mobilenet.digest("cpu-int8"), at=(20, 40, 60)
    )
    async with RunningAgent.start(bus, broker.context, tmp_path, "--threads", "1", backends="litert") as agent:
        await agent.configure(mobilenet)
        profile = await has_manifest(agent, request)
    assert (profile.node, profile.digest, profile.at, profile.threads) == ("pi1", request.digest, request.at, 1)
    assert len(profile.seconds) == 4
    assert list(profile.seconds) == sorted(profile.seconds)
    assert 0 < profile.seconds[0] < profile.seconds[-1] < 10
    assert profile.frame_s > profile.result_s > 0
    assert profile.load_s > 0
    assert profile.memory_bytes > mobilenet.artefact("cpu-int8").bytes
    assert profile.slowdown >= 1
    assert not profile.declared
    assert "litert" in profile.runtime


async def test_what_a_node_plays_is_declared_while_it_serves(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=2.0), "simulated")
        frame = asyncio.create_task(agent.infer(shard, make_jpeg()))
        await agent.wait_for(lambda beat: beat.in_flight == 1)
        profile = await ask(agent, ProfileRequest(model="sim", variant="simulated", digest=shard.digest))
        assert profile.declared
        await frame


async def test_a_simulated_node_declares_what_it_plays(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    spec = SimulatedSpec(seconds=0.2, operators=10, activation_bytes=1000, memory_bytes=5_000_000)
    manifest = msgspec.structs.replace(simulated_manifest(), simulated=spec)
    speeds = tmp_path / "speeds.toml"
    speeds.write_text("speed = 2.0\n")
    async with RunningAgent.start(bus, broker.context, tmp_path, "--profile", str(speeds)) as agent:
        shard = await agent.ready(manifest, "simulated")
        request = ProfileRequest(model="sim", variant="simulated", digest=shard.digest, at=(5,))
        profile = await ask(agent, request)
        assert profile.seconds == pytest.approx((0.05, 0.1))
        assert (profile.memory_bytes, profile.declared) == (5_000_000, True)
        with pytest.raises(BrambleError, match="10 operators"):
            await ask(agent, msgspec.structs.replace(request, at=(10,)))
        with pytest.raises(BrambleError, match="does not offer"):
            await ask(agent, msgspec.structs.replace(request, digest="0" * 64))


async def test_a_probe_is_answered_with_as_many_bytes_as_it_asks_for(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        subject = subjects.NODE_PROBE.build(node=agent.node)
        first = await bus.data.request(subject, b"x" * 100_000, headers={PROBE_BYTES: "0"}, within=5)
        second = await bus.data.request(subject, headers={PROBE_BYTES: "200000"}, within=5)
        assert (len(first.data), len(second.data)) == (0, 200_000)
        spent = [int((each.headers or {})[PROBE_CPU]) for each in (first, second)]
        assert 0 < spent[0] <= spent[1]
        refused = await bus.data.request(subject, headers={PROBE_BYTES: "99999999"}, within=5)
        error = error_from_json(refused.data)
        assert error is not None
        assert error.code is ErrorCode.BAD_REQUEST
