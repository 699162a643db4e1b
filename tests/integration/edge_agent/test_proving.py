"""A model serves only after it has proved itself: what real agents do with good, damaged and hostile artefacts."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec
import psutil
import pytest

from cli.local.broker import Broker
from modelkit.digest import sha256_bytes
from modelkit.manifest import ExpectedClass, KnownAnswer, Manifest
from tests.agent_testing.cutting import push_stages
from tests.agent_testing.models import SmallClassifier, make_jpeg, make_vast, push_blob, small_manifest
from tests.agent_testing.running_agent import RunningAgent, shard_of
from wire.bus import Bus
from wire.messages import Shard, ShardState

JPEG = make_jpeg()
TFLITE = SmallClassifier().finish()
STAGE = {"stages": 2, "end": 3, "whole": "1" * 64, "cut": "2" * 16}


async def rejection(agent: RunningAgent, manifest: Manifest) -> str:
    """Assign the model and return why it was rejected."""
    shard = await agent.assign(manifest, "cpu-f32")
    return (await agent.wait_for_state(shard, ShardState.REJECTED)).reason


async def find_probe(agent: RunningAgent) -> psutil.Process:
    """Return the agent's probe as soon as it runs."""
    parent = psutil.Process(agent.process.pid)
    async with asyncio.timeout(10):
        while True:
            for child in parent.children():
                if "edge_agent.probe" in child.cmdline():
                    return child
            await asyncio.sleep(0)


async def prove_alive(agent: RunningAgent, tmp_path: Path) -> None:
    """Hold that the agent still takes up and serves a good model."""
    await push_blob(agent.bus, TFLITE, tmp_path)
    shard = await agent.ready(small_manifest(TFLITE, name="good"), "cpu-f32")
    assert (await agent.infer(shard, JPEG)).model == "good"


async def test_a_model_that_crashes_the_runtime_is_rejected_and_the_agent_lives(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    crashing = SmallClassifier().finish_crashing()
    await push_blob(bus, crashing, tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        reason = await rejection(agent, small_manifest(crashing))
        assert "the runtime crashed with SIGSEGV on this model" in reason
        assert (await agent.wait_for_event("rejected")).text.startswith("small: ")
        await prove_alive(agent, tmp_path)


async def test_bytes_that_are_no_model_are_rejected(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    await push_blob(bus, b"no model", tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        assert "the runtime cannot load the model" in await rejection(agent, small_manifest(b"no model"))
        await prove_alive(agent, tmp_path)


async def test_an_artefact_that_is_not_what_its_digest_promises_is_rejected(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    await push_blob(bus, TFLITE[:-1] + b"\xff", tmp_path, digest=sha256_bytes(TFLITE))
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        reason = await rejection(agent, small_manifest(TFLITE))
        assert f"the artefact {sha256_bytes(TFLITE)[:12]} has the digest" in reason
        assert not list((tmp_path / "cache" / "sha256").iterdir())


async def test_an_artefact_that_nobody_pushed_is_rejected(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        assert "is not in the object store" in await rejection(agent, small_manifest(TFLITE))


async def test_a_wrong_known_answer_is_rejected_with_both_answers(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    known = KnownAnswer(
        file="known.jpg",
        sha256=sha256_bytes(JPEG),
        bytes=len(JPEG),
        top=ExpectedClass(label="other", score=1.0, tolerance=0.1),
    )
    await push_blob(bus, TFLITE, tmp_path)
    await push_blob(bus, JPEG, tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        reason = await rejection(agent, small_manifest(TFLITE, known_answer=known))
        assert "expected other 1.000" in reason
        assert "got " in reason


async def test_a_model_whose_labels_do_not_suit_it_is_rejected(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        assert "2 labels" in await rejection(agent, small_manifest(TFLITE, labels=("one", "two")))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "1" * 64}, "the manifest offers"),
        ({"version": "9"}, "the manifest offers"),
        ({"variant": "onnx"}, "has no file for variant 'onnx'"),
        (STAGE, "the manifest offers"),
    ],
)
async def test_an_assignment_that_does_not_suit_the_manifest_is_rejected(
    bus: Bus, broker: Broker, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        shard = await agent.assign(small_manifest(TFLITE), "cpu-f32", changes)
        assert reason in (await agent.wait_for_state(shard, ShardState.REJECTED)).reason


async def test_a_file_that_is_another_stage_than_the_assignment_says_is_rejected(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    manifest = small_manifest(TFLITE)
    first, second = await push_stages(bus, manifest, "cpu-f32", TFLITE, at=(2,))
    wrong = msgspec.structs.replace(first, digest=second.digest)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        await agent.configure(manifest)
        await agent.assign_shards(wrong)
        assert "its manifest says" in (await agent.wait_for_state(wrong, ShardState.REJECTED)).reason


async def test_a_probe_that_is_killed_costs_the_shard_a_retry_and_not_the_agent(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        manifest = small_manifest(TFLITE)
        shard = await agent.assign(manifest, "cpu-f32")
        (await find_probe(agent)).send_signal(signal.SIGKILL)
        reason = (await agent.wait_for_state(shard, ShardState.REJECTED)).reason
        assert "the probe was killed with SIGKILL" in reason
        await agent.wait_for_state(shard, ShardState.READY)
        assert (await agent.infer(shard, JPEG)).model == "small"


async def test_what_was_proved_is_remembered_over_a_restart(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    manifest = small_manifest(TFLITE)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        shard = await agent.ready(manifest, "cpu-f32")
        assert ShardState.PROVING in states(agent, shard)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        await agent.wait_for_state(shard, ShardState.READY)
        assert ShardState.PROVING not in states(agent, shard)


async def test_an_agent_that_dies_again_and_again_while_it_loads_serves_in_the_end(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    manifest = small_manifest(TFLITE)
    for state in (ShardState.FETCHING, ShardState.PROVING, ShardState.PROVING):
        async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
            shard = await agent.assign(manifest, "cpu-f32")
            await agent.wait_for_state(shard, state)
            agent.signal(signal.SIGKILL)
            await agent.process.wait()
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        await agent.wait_for_state(shard, ShardState.READY)
        assert (await agent.infer(shard, JPEG)).model == manifest.name
    kept = [path.name for path in (tmp_path / "cache" / "sha256").iterdir() if path.suffix != ".proof"]
    assert kept == [manifest.digest("cpu-f32")]  # and nothing half fetched


async def test_a_model_that_wants_more_memory_than_a_probe_may_take_is_rejected_and_the_agent_lives(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    tflite = make_vast()
    await push_blob(bus, tflite, tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        before = agent.memory()
        # Without the probe's bound LiteRT takes it, and its first frame would fill the machine.
        assert "the runtime cannot load the model" in await rejection(agent, small_manifest(tflite))
        assert agent.memory() - before < 64 << 20
        await prove_alive(agent, tmp_path)


async def test_a_file_that_rotted_in_the_cache_is_fetched_anew(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    manifest = small_manifest(TFLITE)
    cached = tmp_path / "cache" / "sha256" / manifest.digest("cpu-f32")
    cached.parent.mkdir(parents=True)
    cached.write_bytes(TFLITE[:100])
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        await agent.ready(manifest, "cpu-f32")
        assert cached.read_bytes() == TFLITE


async def test_two_agents_share_one_cache(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    manifest = small_manifest(TFLITE)
    async with (
        RunningAgent.start(bus, broker.context, tmp_path, backends="litert", node="pi1") as one,
        RunningAgent.start(bus, broker.context, tmp_path, backends="litert", node="pi2") as two,
    ):
        shard = await one.assign(manifest, "cpu-f32")
        await two.assign_shards(shard)
        for agent in (one, two):
            await agent.wait_for_state(shard, ShardState.READY)
            assert (await agent.infer(shard, JPEG)).nodes == (agent.node,)


async def test_a_manifest_that_changes_is_proved_and_taken_up_while_the_model_goes_on_serving(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    await push_blob(bus, TFLITE, tmp_path)
    async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
        shard = await agent.ready(small_manifest(TFLITE), "cpu-f32")
        changed = small_manifest(TFLITE, labels=("rot", "grün", "blau", "sonst"))
        await agent.configure(changed)
        assert shard == shard_of(changed, "cpu-f32")
        answer = await agent.infer(shard, JPEG)
        while answer.classes is None or answer.classes[0].label not in changed.labels:
            await agent.wait_for(lambda _: True)
            answer = await agent.infer(shard, JPEG)
        assert states(agent, shard) == [ShardState.FETCHING, ShardState.PROVING, ShardState.READY]
        assert all(report.failed == 0 for report in agent.heartbeats[-1].shards)
        proofs = list((tmp_path / "cache" / "sha256").glob("*.proof"))
        assert len(proofs) == 2


def states(agent: RunningAgent, shard: Shard) -> list[ShardState]:
    """Return the shard's states as the heartbeats told them, without repetitions."""
    found: list[ShardState] = []
    for beat in agent.heartbeats:
        for report in beat.shards:
            if report.shard == shard and found[-1:] != [report.state]:
                found.append(report.state)
    return found
