"""Canary frames to real agents over a real server; one of them begins to lie."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cli.local.broker import Broker
from controller.canaries.fences import Fences
from controller.canaries.keeper import CanaryKeeper, Perch
from controller.proofs.known_picture import KnownPictures, check_answer
from modelkit.digest import sha256_bytes
from modelkit.manifest import ExpectedClass, KnownAnswer, Manifest
from tests.agent_testing.models import make_jpeg, simulated_manifest
from tests.agent_testing.running_agent import RunningAgent, shard_of
from wire import subjects
from wire.bus import Bus, Received
from wire.messages import Answer, ShardState

HASTE = 60
"""The canaries' clock runs so much faster, so that a minute between them is a second."""

LYING = Path(__file__).parents[2] / "agent_testing" / "lying_agent.py"
PICTURE = make_jpeg()


def make_manifest() -> Manifest:
    """Return a model that is played, with what the play answers as its known answer."""
    known = KnownAnswer(
        file="known.jpg",
        sha256=sha256_bytes(PICTURE),
        bytes=len(PICTURE),
        top=ExpectedClass(label="simulated", score=1.0, tolerance=0.01),
    )
    return msgspec.structs.replace(simulated_manifest(labels=("simulated", "b")), known_answer=known)


class Rotation:
    """What a controller does with fences, and a way to wait for it."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


async def test_a_node_that_begins_to_lie_is_fenced_told_to_prove_itself_and_taken_back(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    manifest, lie = make_manifest(), tmp_path / "lie"
    store = await bus.blobs(subjects.MODELS_STORE)
    await store.put_bytes(sha256_bytes(PICTURE), PICTURE)
    honest = RunningAgent.start(bus, broker.context, tmp_path, node="honest")
    liar = RunningAgent.start(bus, broker.context, tmp_path, node="liar", program=(str(LYING), str(lie)))
    async with honest as one, liar as two:
        shard = shard_of(manifest, "simulated")
        agents = {agent.node: agent for agent in (one, two)}
        for agent in agents.values():
            await agent.ready(manifest, "simulated")
        rotation = Rotation()
        told: list[str] = []

        async def hear(message: Received) -> None:
            told.append(message.subject.rpartition(".")[2])
            rotation.changed.set()

        await bus.control.subscribe(subjects.MODEL_EVENT.wildcard(model=manifest.name), hear)
        fences = Fences(await bus.bucket(subjects.FENCES_BUCKET), rotation.changed.set)

        async def ask(perch: Perch, picture: bytes, *, within: float) -> Answer:
            return await agents[perch.node].infer(shard, picture, deadline_ms=round(within * 1000))

        def perches() -> list[Perch]:
            last = {name: agent.heartbeats[-1] for name, agent in agents.items()}
            ready = [n for n, beat in last.items() if any(r.state is ShardState.READY for r in beat.shards)]
            return [Perch(name, manifest, shard.digest) for name in ready]

        keeper = CanaryKeeper(
            bus.control,
            fences,
            perches=perches,
            ask=ask,
            find_picture=KnownPictures(store).find,
            check=check_answer,
            may_ask=lambda _node: True,
            leads=lambda: True,
            clock=lambda: HASTE * time.monotonic(),
        )
        running = asyncio.create_task(keeper.run())
        lie.touch()
        await rotation.until(lambda: bool(fences.of("liar")))
        (fence,) = fences.of("liar")
        assert fence.model == manifest.name
        assert "expected simulated 1.000 (+-0.01), got nothing of the kind 0.990" in fence.reason
        await rotation.until(lambda: told == ["fenced"])
        await two.wait_for(lambda beat: any(r.reason == "a canary was answered wrongly" for r in beat.shards))
        lie.unlink()
        await rotation.until(lambda: not fences.of("liar"))
        await rotation.until(lambda: told == ["fenced", "unfenced"])
        assert fences.of("honest") == ()
        running.cancel()
        await asyncio.wait({running})
        following = Fences(await bus.bucket(subjects.FENCES_BUCKET), rotation.changed.set)
        await following._write("honest", (fence,))  # a second controller heeds what another wrote
        reading = asyncio.create_task(fences.follow())
        await rotation.until(lambda: fences.find("honest", fence.model, fence.digest) is not None)
        reading.cancel()
        await asyncio.wait({reading})
