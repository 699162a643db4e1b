"""What servers store goes into files and comes back, work that was begun included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cli.local.broker import Broker
from tests.testing.server_cluster import server_cluster
from wire.bus import Bus
from wire.bus.link import Link, Received
from wire.bus.replicas import count_replicas
from wire.bus.snapshot import list_streams, read_about, restore_stream, save_stream
from wire.errors import AnswerTimeoutError, BadRequestError, BusError


async def save_all(bus: Bus, directory: Path) -> None:
    for name in await list_streams(bus.control):
        await save_stream(bus.control, name, directory)


async def restore_all(bus: Bus, directory: Path) -> None:
    for about in [read_about(path) for path in sorted(directory.glob("*.json"))]:  # noqa: ASYNC240 - a test's own files
        await restore_stream(bus.control, about, directory, replicas=await count_replicas(bus.control))


async def test_buckets_and_blobs_come_back_in_a_server_that_has_others(bus: Bus, tmp_path: Path) -> None:
    blob, back = tmp_path / "blob", tmp_path / "back"
    blob.write_bytes(os.urandom(3 << 20))
    config = await bus.bucket("config")
    await config.put("cameras.door", b"door")
    await (await bus.blobs("models")).put_file("digest", blob)
    saved = tmp_path / "saved"
    saved.mkdir()

    await save_all(bus, saved)
    await config.put("cameras.door", b"another")
    await config.put("cameras.later", b"later")
    await restore_all(bus, saved)

    await (await bus.blobs("models")).get_file("digest", back)
    assert back.read_bytes() == blob.read_bytes()
    config = await bus.bucket("config")
    assert await config.get("cameras.door") == b"door"
    assert await config.get("cameras.later") is None


async def test_work_that_nobody_acknowledged_is_handed_out_again(bus: Bus, tmp_path: Path) -> None:
    jetstream = bus.control.client.jetstream()
    await jetstream.add_stream(name="queue", subjects=["queue.>"], retention="workqueue")
    for number in range(3):
        await jetstream.publish("queue.job", str(number).encode())
    puller = await jetstream.pull_subscribe("queue.job", durable="workers")
    done, _ = await puller.fetch(2, timeout=5)
    await done.ack_sync()

    await save_all(bus, tmp_path)
    await jetstream.delete_stream("queue")
    await restore_all(bus, tmp_path)

    puller = await jetstream.pull_subscribe_bind(durable="workers", stream="queue")
    state = (await jetstream.stream_info("queue")).state
    consumer = await puller.consumer_info()
    assert state.messages == 2
    assert (consumer.num_ack_pending, consumer.num_pending) == (1, 1)


async def test_what_one_server_kept_is_kept_by_three_afterwards(bus: Bus, tmp_path: Path) -> None:
    await (await bus.bucket("config")).put("cameras.door", b"door")
    saved, home = tmp_path / "saved", tmp_path / "servers"
    saved.mkdir()
    home.mkdir()

    await save_all(bus, saved)
    async with server_cluster(home) as servers, Bus.connect(servers.context, name="test") as three:
        await restore_all(three, saved)

        info = await three.control.client.jetstream().stream_info("KV_config")
        assert info.config.num_replicas == 3
        assert await (await three.bucket("config")).get("cameras.door") == b"door"


async def test_a_stream_comes_back_although_the_first_answer_of_three_servers_was_lost(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await bus.bucket("config")).put("cameras.door", b"door")
    saved, home = tmp_path / "saved", tmp_path / "servers"
    saved.mkdir()
    home.mkdir()
    await save_all(bus, saved)
    request, lost = Link.request, list[str]()

    async def lose_the_first(link: Link, subject: str, payload: bytes = b"", **more: Any) -> Received:
        answer = await request(link, subject, payload, **more)
        if "RESTORE.KV_config" in subject and not lost:
            lost.append(subject)
            raise AnswerTimeoutError(f"no answer on {subject}")
        return answer

    monkeypatch.setattr(Link, "request", lose_the_first)
    async with server_cluster(home) as servers, Bus.connect(servers.context, name="test") as three:
        await restore_all(three, saved)

        assert lost == ["$JS.API.STREAM.RESTORE.KV_config"]
        assert await (await three.bucket("config")).get("cameras.door") == b"door"


async def test_a_changed_backup_is_refused_before_anything_is_deleted(bus: Bus, tmp_path: Path) -> None:
    await (await bus.bucket("config")).put("cameras.door", b"door")
    await save_all(bus, tmp_path)
    packed = tmp_path / "KV_config.snapshot"
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    with pytest.raises(BadRequestError, match="not what was saved"):
        read_about(tmp_path / "KV_config.json")


async def test_a_stream_that_is_not_there_cannot_be_saved(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    assert broker.poll() is None

    with pytest.raises(BusError, match="stream not found"):
        await save_stream(bus.control, "nothing", tmp_path)
