"""A real agent process on a real broker, driven as a controller drives it: assignments and work in, heartbeats out."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from modelkit.manifest import Manifest, encode_manifest
from wire import subjects
from wire.bus import Bus, Received
from wire.context import Context, save_context
from wire.errors import BrambleError, error_from_json
from wire.headers import Hop, WorkOrder
from wire.ids import new_frame_id
from wire.messages import Answer, Assignment, Event, Heartbeat, Shard, ShardReport, ShardState, decode, encode

START_S = 20.0


@dataclass
class RunningAgent:
    """One agent. ``heartbeats`` and ``events`` are all that came so far, in order."""

    node: str
    bus: Bus
    process: asyncio.subprocess.Process
    log: Path
    heartbeats: list[Heartbeat] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        bus: Bus,
        context: Context,
        tmp_path: Path,
        *arguments: str,
        node: str = "pi1",
        backends: str = "simulated",
        program: Sequence[str] = ("-m", "edge_agent"),
    ) -> AsyncIterator[Self]:
        """Start an agent, wait for its first heartbeat, and end it with the test."""
        await bus.blobs(subjects.MODELS_STORE)  # a controller makes these when it starts; agents may not
        await bus.bucket(subjects.CONFIG_BUCKET)
        await bus.bucket(subjects.ASSIGNMENTS_BUCKET)
        file = tmp_path / "context.json"
        save_context(context, file)
        log = tmp_path / f"{node}.log"
        fixed = ("--node", node, "--context", str(file), "--backends", backends, "--cache", str(tmp_path / "cache"))
        with log.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(sys.executable, *program, *fixed, *arguments, stderr=sink)
        agent = cls(node, bus, process, log)
        beats = await bus.control.subscribe(subjects.HEARTBEAT.build(node=node), agent._note_heartbeat)
        events = await bus.control.subscribe(subjects.NODE_EVENT.wildcard(node=node), agent._note_event)
        try:
            await agent.wait_for(lambda _: True)
            yield agent
        finally:
            await beats.end()
            await events.end()
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def assign(
        self, manifest: Manifest, variant: str, changes: Mapping[str, object] = MappingProxyType({})
    ) -> Shard:
        """Configure a model and assign the whole of it; ``changes`` are to the shard."""
        await self.configure(manifest)
        shard = shard_of(manifest, variant, changes)
        await self.assign_shards(shard)
        return shard

    async def configure(self, manifest: Manifest) -> None:
        """Put a manifest where agents look for it."""
        config = await self.bus.bucket(subjects.CONFIG_BUCKET)
        await config.put(subjects.MODEL_KEY.build(model=manifest.name), encode_manifest(manifest))

    async def assign_shards(self, *shards: Shard) -> None:
        """Write the node's assignment."""
        assignments = await self.bus.bucket(subjects.ASSIGNMENTS_BUCKET)
        await assignments.put(
            subjects.ASSIGNMENT_KEY.build(node=self.node), encode(Assignment(node=self.node, shards=shards))
        )

    async def wait_for(self, wanted: Callable[[Heartbeat], bool], *, within: float = START_S) -> Heartbeat:
        """Return the first heartbeat from now on, the last one included, that is as wanted."""
        seen = max(0, len(self.heartbeats) - 1)
        async with asyncio.timeout(within):
            while True:
                for beat in self.heartbeats[seen:]:
                    if wanted(beat):
                        return beat
                seen = len(self.heartbeats)
                assert self.process.returncode is None, self.log.read_text()
                self.changed.clear()
                await self.changed.wait()

    async def wait_for_state(self, shard: Shard, state: ShardState, *, within: float = START_S) -> ShardReport:
        """Wait until the agent reports that the shard is in the state."""
        beat = await self.wait_for(
            lambda beat: any(each.shard == shard and each.state is state for each in beat.shards), within=within
        )
        return next(each for each in beat.shards if each.shard == shard)

    async def wait_for_event(self, kind: str, *, within: float = START_S) -> Event:
        """Return the first event of the kind, past ones included."""
        async with asyncio.timeout(within):
            while not (found := [event for event in self.events if event.kind == kind]):
                self.changed.clear()
                await self.changed.wait()
        return found[0]

    async def ready(self, manifest: Manifest, variant: str) -> Shard:
        """Assign a model and wait until it serves."""
        shard = await self.assign(manifest, variant)
        await self.wait_for_state(shard, ShardState.READY, within=60)
        return shard

    async def send(
        self,
        shard: Shard,
        payload: bytes,
        *,
        deadline_ms: int = 5000,
        headers: Mapping[str, str] | None = None,
        within: float = 10.0,
        **changes: str,
    ) -> Received:
        """Send one frame as a controller would, or with other headers, and return the bare reply."""
        order = WorkOrder(
            frame=new_frame_id(),
            digest=changes.get("digest", shard.artefact),
            itinerary=(Hop(self.node, 0),),
            deadline_ms=deadline_ms,
        )
        subject = subjects.WORK.build(node=self.node, model=shard.model, stage=str(shard.stage))
        return await self.bus.data.request(
            subject, payload, headers=order.to_headers() if headers is None else headers, within=within
        )

    async def infer(self, shard: Shard, payload: bytes, **options: int) -> Answer:
        """Send one frame and return its answer, or raise its error."""
        return read_answer(await self.send(shard, payload, **options))

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def memory(self, name: str = "VmRSS") -> int:
        """Return a size from /proc/<pid>/status, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) << 10
        raise AssertionError(name)

    async def _note_heartbeat(self, message: Received) -> None:
        self.heartbeats.append(decode(message.data, Heartbeat))
        self.changed.set()

    async def _note_event(self, message: Received) -> None:
        self.events.append(decode(message.data, Event))
        self.changed.set()


def shard_of(manifest: Manifest, variant: str, changes: Mapping[str, object] = MappingProxyType({})) -> Shard:
    """Return the shard that is the whole of a model."""
    fields: dict[str, Any] = {
        "model": manifest.name,
        "version": manifest.version,
        "variant": variant,
        "digest": manifest.digest(variant),
    }
    return Shard(**{**fields, **changes})


def read_answer(reply: Received) -> Answer:
    """Return the answer that a reply holds, or raise its error."""
    error: BrambleError | None = error_from_json(reply.data)
    if error:
        raise error
    return decode(reply.data, Answer)
