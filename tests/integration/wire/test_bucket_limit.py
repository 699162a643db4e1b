"""Buckets with a limit: what the server keeps in memory for them stays small, and full means refused."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from cli.local.broker import Broker
from wire.bus import SMALL_BYTES, Bucket, Bus
from wire.errors import BusError

BLOCK_BYTES = 32_000
RECORD = b"r" * 300  # about as much as a lease


def largest_block(broker: Broker, bucket: str) -> int:
    blocks = (broker.directory / "jetstream").rglob(f"streams/KV_{bucket}/msgs/*.blk")
    return max(block.stat().st_size for block in blocks)


async def fill(bucket: Bucket) -> None:
    for number in range(20):
        await bucket.put(f"camera.c{number}", RECORD)


async def test_what_is_written_again_and_again_is_kept_in_small_blocks(bus: Bus, broker: Broker) -> None:
    small = await bus.bucket("leases", max_bytes=SMALL_BYTES)
    plain = await bus.bucket("config")
    for bucket in (small, plain):
        await bucket.put("camera.door", b"written once")
        for number in range(200):
            await bucket.put("session.c1", RECORD + str(number).encode())

    assert largest_block(broker, "leases") <= BLOCK_BYTES < largest_block(broker, "config")
    assert await small.read_all() == {"camera.door": b"written once", "session.c1": RECORD + b"199"}


async def test_a_bucket_that_is_there_is_given_its_limit_and_keeps_all_else(bus: Bus) -> None:
    before = await bus.bucket("leases")
    await before.put("session.c1", RECORD)
    jetstream = bus.control.client.jetstream()
    was = asdict((await jetstream.stream_info("KV_leases")).config)

    after = await bus.bucket("leases", max_bytes=SMALL_BYTES)

    assert await after.get("session.c1") == RECORD
    assert asdict((await jetstream.stream_info("KV_leases")).config) == was | {"max_bytes": SMALL_BYTES}


async def test_whoever_opens_a_bucket_without_a_limit_leaves_the_one_that_it_has(bus: Bus) -> None:
    await bus.bucket("leases", max_bytes=SMALL_BYTES)
    await bus.bucket("leases")
    info = await bus.control.client.jetstream().stream_info("KV_leases")
    assert info.config.max_bytes == SMALL_BYTES


async def test_a_full_bucket_refuses_new_keys_and_takes_new_values_of_the_old(bus: Bus) -> None:
    bucket = await bus.bucket("leases", max_bytes=4096)
    revision = await bucket.swap("session.c1", RECORD, 0, within=5)
    assert revision is not None
    with pytest.raises(BusError, match="maximum bytes"):
        await fill(bucket)

    assert await bucket.swap("session.c1", RECORD, revision, within=5) is not None
