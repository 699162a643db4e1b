"""What is stored is kept by three servers where there are three, and outlives one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cli.local.broker import Broker
from tests.testing.server_cluster import server_cluster
from wire.bus import Bus
from wire.bus.stream import Stream, StreamSpec
from wire.errors import BusError

ELECTION_S = 45.0


async def test_a_lone_server_keeps_one_copy(bus: Bus, broker: Broker) -> None:
    assert broker.poll() is None
    await bus.bucket("config")
    await bus.blobs("models")
    for _ in range(2):  # and that a second program opens it changes nothing
        await Stream.ensure(bus.control, StreamSpec("jobs", ("jobs.>",), max_bytes=1 << 20))

    found = await bus.control.client.jetstream().streams_info()

    assert {each.config.name: each.config.num_replicas for each in found} == {
        "KV_config": 1,
        "OBJ_models": 1,
        "jobs": 1,
    }


async def test_three_servers_keep_three_copies_and_go_on_without_their_leader(tmp_path: Path) -> None:
    async with server_cluster(tmp_path) as servers, Bus.connect(servers.context, name="test") as bus:
        await bus.bucket("config")
        await bus.blobs("models")
        await Stream.ensure(bus.control, StreamSpec("jobs", ("jobs.>",), max_bytes=1 << 20))
        await put_patiently(bus, "model.a", b"before")  # two of the servers hear a moment later who takes it
        jetstream = bus.control.client.jetstream()
        info = await jetstream.stream_info("KV_config")
        assert {each.config.num_replicas for each in await jetstream.streams_info()} == {3}
        assert info.cluster is not None
        assert info.cluster.leader is not None

        servers.kill(info.cluster.leader)

        async with asyncio.timeout(ELECTION_S):
            assert await get_patiently(bus, "model.a") == b"before"
            await put_patiently(bus, "model.a", b"after")
            assert await get_patiently(bus, "model.a") == b"after"


async def get_patiently(bus: Bus, key: str) -> bytes | None:
    while True:
        try:
            return await (await bus.bucket("config")).get(key)
        except BusError:
            await asyncio.sleep(0.1)


async def put_patiently(bus: Bus, key: str, value: bytes) -> None:
    while True:
        try:
            return await (await bus.bucket("config")).put(key, value)
        except BusError:
            await asyncio.sleep(0.1)
