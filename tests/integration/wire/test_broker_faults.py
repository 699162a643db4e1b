"""A server that is away, and one whose disk is full: a small file system of its own, filled by somebody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.local.broker import Broker
from tests.testing.small_disk import mount_small
from wire.bus import Bus, Received
from wire.errors import BusError
from wire.service import Reply, Service

KEPT_BYTES = 4 << 20  # 2 MiB in the client, and as much in a socket whose end was not yet noticed
CHUNK_BYTES = 128 << 10
STORE_MIB = 24


async def test_what_waits_for_a_server_that_is_away_is_bounded_and_does_not_hinder_the_end(tmp_path: Path) -> None:
    broker = Broker.start(tmp_path / "broker")
    try:
        async with Bus.connect(broker.context, name="test") as bus:
            broker.stop()
            assert await publish_until_refused(bus, bytes(CHUNK_BYTES)) <= KEPT_BYTES + CHUNK_BYTES
    finally:
        broker.stop()


async def publish_until_refused(bus: Bus, payload: bytes) -> int:
    """Return how many bytes were taken before."""
    for number in range(256):
        try:
            await bus.data.publish("results.door.m", payload)
        except BusError:
            return number * len(payload)
    pytest.fail("nothing was refused")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    with mount_small(tmp_path / "disk", STORE_MIB):
        yield tmp_path / "disk"


async def test_a_full_disk_refuses_writes_while_requests_go_on_and_what_was_acknowledged_is_there_later(
    small_disk: Path,
) -> None:
    first = Broker.start(small_disk / "broker", password="for-tests-only")
    servers = [first]
    try:
        async with Bus.connect(first.context, name="test") as bus:
            config = await bus.bucket("config")
            await config.put("cameras.door", b"kept")
            await serve_echo(bus)
            (small_disk / "ballast").write_bytes(bytes(free_bytes(small_disk) - (64 << 10)))
            acknowledged = await fill(bus)
            assert (await bus.data.request("echo", b"x" * 60_000, within=5)).data == b"x" * 60_000
            first.stop()
            (small_disk / "ballast").unlink()
            port = urlsplit(first.context.url).port
            servers.append(Broker.start(small_disk / "broker", port=port, password="for-tests-only"))
            assert await get_patiently(bus, "cameras.door") == b"kept"
            for number in range(acknowledged):
                assert await get_patiently(bus, f"cameras.c{number}") == bytes([number]) * 30_000
            await (await bus.bucket("config")).put("cameras.yard", b"goes on")
    finally:
        for server in servers:
            server.stop()


async def serve_echo(bus: Bus) -> None:
    async def answer(message: Received) -> Reply:
        return Reply(message.data)

    service = Service(bus.data, name="t", version="1.0.0", description="t", metadata={})
    service.add_endpoint("echo", "echo", answer)
    await service.start()
    await bus.data.flush()


async def fill(bus: Bus) -> int:
    """Write until the server refuses; return how many writes it acknowledged."""
    config = await bus.bucket("config")
    for number in range(40):
        try:
            await config.put(f"cameras.c{number}", bytes([number]) * 30_000)
        except BusError:
            return number
    pytest.fail("the disk never was full")


async def get_patiently(bus: Bus, key: str) -> bytes | None:
    """Read a key; JetStream needs a moment longer than the connection to be back."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await (await bus.bucket("config")).get(key)
            except BusError:
                await asyncio.sleep(0.1)


def free_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
