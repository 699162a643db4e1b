"""An agent whose disk is full: a small file system of its own, filled by somebody else."""

from __future__ import annotations

from pathlib import Path

from cli.local.broker import Broker
from tests.agent_testing.models import SmallClassifier, make_jpeg, push_blob, small_manifest
from tests.agent_testing.running_agent import RunningAgent, shard_of
from tests.testing.small_disk import fill_up, mount_small
from wire.bus import Bus
from wire.messages import ShardState

DISK_MIB = 4


async def test_an_agent_whose_disk_is_full_says_so_serves_what_it_has_and_loads_the_rest_once_there_is_room(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    old, new = SmallClassifier().finish(), SmallClassifier(weight=2.0).finish()
    for tflite in (old, new):
        await push_blob(bus, tflite, tmp_path)
    with mount_small(tmp_path / "cache", DISK_MIB):
        async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert") as agent:
            manifest = small_manifest(new, name="new")
            first = await agent.ready(small_manifest(old, name="old"), "cpu-f32")
            fill_up(tmp_path / "cache" / "ballast")

            await agent.configure(manifest)
            second = shard_of(manifest, "cpu-f32")
            await agent.assign_shards(first, second)
            reason = (await agent.wait_for_state(second, ShardState.REJECTED)).reason
            assert "No space left on device" in reason
            assert "is it full?" in reason
            assert (await agent.infer(first, make_jpeg())).model == "old"

            (tmp_path / "cache" / "ballast").unlink()
            await agent.wait_for_state(second, ShardState.READY)
            assert (await agent.infer(second, make_jpeg())).model == "new"
