"""A real agent with the simulated backend on a real broker: serving, draining, leaving."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from cli.local.broker import Broker
from edge_agent.worker import MAX_HELD
from tests.agent_testing.models import make_jpeg, simulated_manifest
from tests.agent_testing.running_agent import RunningAgent, read_answer, shard_of
from wire import subjects
from wire.bus import Bus
from wire.context import save_context
from wire.cuts import cut_id
from wire.errors import ErrorCode, NoRespondersError, error_from_json
from wire.headers import Hop, WorkOrder
from wire.messages import Done, ShardState, decode

JPEG = make_jpeg()
MIB = 1 << 20


async def command(agent: RunningAgent, verb: str) -> bytes:
    reply = await agent.bus.control.request(subjects.NODE_COMMAND.build(node=agent.node, verb=verb), within=2)
    return reply.data


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
        assert answer.timings.infer_ms >= 30
        beat = await agent.wait_for(lambda beat: any(each.served == 1 for each in beat.shards))
        assert beat.shards[0].ewma_ms >= 30
        assert beat.variants == ("simulated",)
        assert beat.memory_bytes > beat.memory_available_bytes > 0
        assert beat.rss_bytes > 0


async def test_simulated_stages_take_their_share_of_the_time_and_hand_on_what_the_model_would(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    manifest = simulated_manifest(seconds=0.04, operators=4, activation_bytes=1000)
    digest = manifest.digest("simulated")
    cut = cut_id(digest, (3,))
    stages = tuple(
        shard_of(
            manifest,
            "simulated",
            {"stage": stage, "stages": 2, "start": start, "end": end, "whole": digest, "cut": cut},
        )
        for stage, (start, end) in enumerate(((0, 3), (3, 4)))
    )
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        await agent.configure(manifest)
        await agent.assign_shards(*stages)
        await agent.wait_for(lambda beat: len(beat.shards) == 2 and all(s.state == "ready" for s in beat.shards))
        order = WorkOrder("f", digest, (Hop("pi1", 0), Hop("pi1", 1)), 5000, cut=cut)
        subject = subjects.WORK.build(node="pi1", model="sim", stage="0")
        answer = read_answer(await bus.data.request(subject, JPEG, headers=order.to_headers(), within=10))
        assert all(each.infer_ms >= least for each, least in zip(answer.stages, (30, 10), strict=True))
        assert 1000 <= answer.stages[0].sent_bytes < 1100
        assert (answer.width, answer.height) == (64, 48)


@pytest.mark.usefixtures("as_on_a_node")
async def test_an_agent_that_simulates_fits_64_mib(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=0.001), "simulated")
        for _ in range(50):
            await agent.infer(shard, make_jpeg(640, 480))
        assert agent.memory("VmHWM") <= 64 * MIB


async def test_two_frames_wait_for_each_other_and_say_so(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=0.1), "simulated")
        answers = await asyncio.gather(agent.infer(shard, JPEG), agent.infer(shard, JPEG))
        first, second = sorted(answer.timings.queue_ms for answer in answers)
        assert first < 50 <= second


async def test_frames_beyond_the_queue_are_refused_at_once_and_the_others_answered(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=0.1), "simulated")
        replies = await asyncio.gather(*(agent.send(shard, JPEG) for _ in range(MAX_HELD + 4)))
        errors = [error_from_json(reply.data) for reply in replies]
        assert [error.code for error in errors if error] == [ErrorCode.NO_CAPACITY] * 4
        assert errors.count(None) == MAX_HELD


async def test_a_frame_whose_deadline_passes_while_it_waits_is_not_run(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=2.0), "simulated")
        slow = asyncio.create_task(agent.infer(shard, JPEG))
        await agent.wait_for(lambda beat: beat.in_flight == 1)
        late, answer = await asyncio.gather(agent.send(shard, JPEG, deadline_ms=1), slow)
        error = error_from_json(late.data)
        assert error is not None
        assert error.code is ErrorCode.DEADLINE_EXCEEDED
        assert answer.timings.infer_ms >= 2000
        await agent.wait_for(lambda beat: any((each.served, each.failed) == (1, 1) for each in beat.shards))


async def test_a_draining_node_refuses_work_until_it_is_told_otherwise(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(), "simulated")
        assert "takes no new work" in decode(await command(agent, "drain"), Done).text
        assert (await agent.wait_for(lambda beat: beat.draining)).draining
        error = error_from_json((await agent.send(shard, JPEG)).data)
        assert error is not None
        assert error.code is ErrorCode.NO_CAPACITY
        decode(await command(agent, "undrain"), Done)
        assert (await agent.infer(shard, JPEG)).model == "sim"


async def test_an_unknown_command_is_a_bad_request_that_names_the_known_ones(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        error = error_from_json(await command(agent, "reboot"))
        assert error is not None
        assert error.code is ErrorCode.BAD_REQUEST
        assert "drain, undrain" in error.remedy


async def test_sigterm_lets_the_frames_in_hand_finish_and_says_goodbye(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(seconds=1.5), "simulated")
        work = [asyncio.create_task(agent.send(shard, JPEG)) for _ in range(3)]
        await agent.wait_for(lambda beat: beat.in_flight == 2 and beat.queued == 1)
        agent.signal(signal.SIGTERM)
        answers = [read_answer(reply) for reply in await asyncio.gather(*work)]
        assert len({answer.frame for answer in answers}) == 3
        assert await asyncio.wait_for(agent.process.wait(), 10) == 0
        assert (await agent.wait_for_event("leaving")).text == "pi1 was told to stop"
        assert agent.heartbeats[-1].draining
        assert agent.heartbeats[-1].in_flight == 0


async def test_a_shard_that_is_no_longer_assigned_is_no_longer_served(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        shard = await agent.ready(simulated_manifest(), "simulated")
        await agent.assign_shards()
        await agent.wait_for(lambda beat: not beat.shards)
        with pytest.raises(NoRespondersError):
            await agent.send(shard, JPEG)


async def test_a_new_version_takes_over_without_a_gap(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        old = await agent.ready(simulated_manifest(seconds=1.5), "simulated")
        held = asyncio.create_task(agent.infer(old, JPEG))
        await agent.wait_for(lambda beat: beat.in_flight == 1)
        new = await agent.assign(simulated_manifest(version="2", seconds=0.01), "simulated")
        await agent.wait_for(lambda beat: [each.shard for each in beat.shards if each.state == "ready"] == [new])
        assert (await held).version == "1"
        assert (await agent.infer(new, JPEG)).version == "2"
        error = error_from_json((await agent.send(old, JPEG)).data)
        assert error is not None
        assert error.code is ErrorCode.MODEL_REJECTED


async def test_an_assignment_that_comes_before_its_model_is_taken_up_when_the_model_comes(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
        manifest = simulated_manifest()
        shard = shard_of(manifest, "simulated")
        await agent.assign_shards(shard)
        report = await agent.wait_for_state(shard, ShardState.REJECTED)
        assert "there is no manifest" in report.reason
        await agent.configure(manifest)
        await agent.wait_for_state(shard, ShardState.READY, within=3)


async def test_a_profile_makes_a_node_as_slow_as_it_says(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    profile = tmp_path / "slow.toml"
    profile.write_text("speed = 0.5\n[seconds]\nsim = 0.05\n")
    async with RunningAgent.start(bus, broker.context, tmp_path, "--profile", str(profile)) as agent:
        shard = await agent.ready(simulated_manifest(seconds=10.0), "simulated")
        assert 100 <= (await agent.infer(shard, JPEG)).timings.infer_ms < 1000


async def test_the_agent_serves_again_after_the_broker_came_back(tmp_path: Path) -> None:
    first = Broker.start(tmp_path / "broker")
    async with (
        Bus.connect(first.context, name="test") as bus,
        RunningAgent.start(bus, first.context, tmp_path) as agent,
    ):
        shard = await agent.ready(simulated_manifest(), "simulated")
        url = first.context.url
        password, port = url.split(":")[2].split("@")[0], int(url.rpartition(":")[2])
        first.stop()
        second = Broker.start(tmp_path / "broker", port=port, password=password)
        try:
            beats = len(agent.heartbeats)
            await agent.wait_for(lambda _: len(agent.heartbeats) > beats and bus.connected)
            assert (await agent.infer(shard, JPEG)).model == "sim"
        finally:
            second.stop()


async def test_an_agent_that_starts_before_its_broker_waits_for_it(tmp_path: Path) -> None:
    gone = Broker.start(tmp_path / "broker")
    gone.stop()
    url = gone.context.url
    password, port = url.split(":")[2].split("@")[0], int(url.rpartition(":")[2])
    file = tmp_path / "context.json"
    save_context(gone.context, file)
    arguments = ("--node", "pi1", "--context", str(file), "--backends", "simulated", "--cache", str(tmp_path / "c"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge_agent", *arguments, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        line = b""
        while b"no connection" not in line:
            line = await asyncio.wait_for(process.stderr.readline(), 20)
            assert line
        assert password.encode() not in line
        broker = Broker.start(tmp_path / "broker", port=port, password=password)
        try:
            while b"action=connect" not in line or b"msg=connected" not in line:
                line = await asyncio.wait_for(process.stderr.readline(), 20)
                assert line
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
        finally:
            broker.stop()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
