"""Leases on three servers, whose JetStream leader is killed: nothing can be renewed for seconds, and nobody stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from controller.leases.keeper import LeaseKeeper
from tests.testing.server_cluster import ServerCluster, server_cluster
from wire import subjects
from wire.bus import Bus

CAMERAS = {"door": None, "yard": None}
WATCH_STEP_S = 0.05


@asynccontextmanager
async def keeping(servers: ServerCluster, name: str) -> AsyncIterator[LeaseKeeper]:
    async with Bus.connect(servers.context, name=name) as bus:
        bucket = await bus.bucket(subjects.LEASES_BUCKET)
        keeper = LeaseKeeper(bucket, bus.control, controller=name, place="", on_change=lambda: None)
        await bus.control.subscribe(subjects.CONTROLLER_HEARTBEAT.wildcard(), keeper.take_beat)
        keeper.set_cameras(CAMERAS)
        task = asyncio.create_task(keeper.run())
        try:
            yield keeper
        finally:
            task.cancel()
            await asyncio.wait({task})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if holds():
                return
            await asyncio.sleep(WATCH_STEP_S)


def knows_its_peer(keeper: LeaseKeeper) -> bool:
    """Whether a record that was acknowledged names the other controller."""
    tenure = keeper._session._tenure
    return tenure is not None and len(tenure.peers) == 1


async def test_two_controllers_go_on_while_jetstream_has_no_leader(tmp_path: Path) -> None:
    async with server_cluster(tmp_path) as servers, keeping(servers, "c1") as one:
        await until(lambda: bool(one.cameras()))
        async with keeping(servers, "c2") as two, Bus.connect(servers.context, name="test") as bus:
            await until(lambda: knows_its_peer(one) and knows_its_peer(two))
            sessions = (one.session, two.session)
            renewed = one._session._tenure.renewed_at if one._session._tenure else 0.0
            info = await bus.control.client.jetstream().stream_info(f"KV_{subjects.LEASES_BUCKET}")
            assert info.cluster is not None
            assert info.cluster.leader is not None
            servers.kill(info.cluster.leader)
            # A renewal after the kill is acknowledged by a new leader; until then both live on each other's word.
            async with asyncio.timeout(60):
                while not (tenure := one._session._tenure) or tenure.renewed_at < renewed + 4.0:
                    assert one.valid
                    assert two.valid
                    await asyncio.sleep(WATCH_STEP_S)
            assert (one.session, two.session) == sessions
