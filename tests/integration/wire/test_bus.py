from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nats.js.kv import KeyValue

from cli.local.broker import Broker
from modelkit.digest import sha256_bytes
from tests.testing.raw_client import raw_client
from wire.bus import Bus, Received
from wire.bus.hearing import RELIST_S
from wire.bus.link import check_headers
from wire.context import Context
from wire.errors import (
    AnswerTimeoutError,
    BadRequestError,
    BusError,
    ModelRejectedError,
    NoRespondersError,
    NotAuthorisedError,
    TooLargeError,
)
from wire.service import Reply, Service

GARBAGE = [
    b"NATS/1.0 \xff\xff\r\n\r\n",
    b"NATS/1.0\r\n\xff\xfe: x\r\n\r\n",
    b"NATS/1.0",
    b"NATS/1.0garbage\x00\x01\r\n\r\n",
    b"\xff\xff\xff\xff",
    b"NATS/1.0\r\nno colon here\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"",
]


async def eventually_next(states: AsyncIterator[dict[str, bytes]], wanted: dict[str, bytes]) -> None:
    async with asyncio.timeout(30):
        async for state in states:
            if state == wanted:
                return


async def test_a_request_to_nobody_fails_at_once(bus: Bus) -> None:
    started = time.monotonic()
    with pytest.raises(NoRespondersError, match=r"nobody listens on infer\.nobody"):
        await bus.data.request("infer.nobody", within=20)
    assert time.monotonic() - started < 2


async def test_a_request_that_is_not_answered_ends_in_time(bus: Bus) -> None:
    async def ignore(_message: Received) -> None:
        return

    await bus.data.subscribe("silent", ignore)
    with pytest.raises(AnswerTimeoutError):
        await bus.data.request("silent", within=0.05)


async def test_a_payload_above_the_limit_is_refused_before_it_is_sent(bus: Bus) -> None:
    payload = b"x" * (bus.data.max_payload + 1)
    with pytest.raises(TooLargeError, match=str(len(payload))):
        await bus.data.request("any", payload, within=20)
    with pytest.raises(TooLargeError):
        await bus.data.publish("any", payload)


@pytest.mark.parametrize("subject", ["a..b", ".a", "a b", ""])
async def test_a_subject_that_would_reach_nobody_is_refused(bus: Bus, subject: str) -> None:
    with pytest.raises((BadRequestError, NoRespondersError)):
        await bus.data.request(subject, within=0.2)


async def test_a_wrong_password_is_told_as_such_and_without_the_password(broker: Broker) -> None:
    port = urlsplit(broker.context.url).port
    with pytest.raises(NotAuthorisedError) as caught:
        async with Bus.connect(Context(url=f"nats://bramble:wrong-secret@127.0.0.1:{port}"), name="intruder"):
            pytest.fail("a wrong password was let in")
    assert "wrong-secret" not in str(caught.value)


async def test_no_server_is_told_with_its_address_and_a_remedy() -> None:
    with pytest.raises(BusError, match=r"127\.0\.0\.1:1") as caught:
        async with Bus.connect(Context(url="nats://127.0.0.1:1"), name="lonely"):
            pytest.fail("nobody listens there")
    assert "bramble local" in caught.value.remedy


async def test_a_web_socket_s_address_is_refused_in_words() -> None:
    with pytest.raises(BusError, match="ws:// is not spoken here"):
        async with Bus.connect(Context(url="ws://127.0.0.1:1"), name="browser"):
            pytest.fail("nobody speaks it")


async def test_headers_of_garbage_are_refused_and_the_connection_lives(bus: Bus, broker: Broker) -> None:
    refused: list[str] = []

    async def answer(message: Received) -> Reply:
        try:
            check_headers(message)
        except BadRequestError as error:
            refused.append(error.message)
            raise
        return Reply(b"fine")

    service = Service(bus.data, name="t", version="1.0.0", description="t", metadata={})
    service.add_endpoint("echo", "echo", answer)
    await service.start()
    await bus.data.flush()
    for headers in GARBAGE:
        async with raw_client(broker.context) as raw:
            await raw.publish("echo", b"hello", reply="_INBOX.nobody", headers=headers)
        reply = await bus.data.request("echo", b"hello", within=20)
        assert reply.data == b"fine", headers
    assert len(refused) >= 2
    await service.stop()


async def test_a_handler_that_raises_costs_only_its_message(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[bytes] = []
    done = asyncio.Event()

    async def handle(message: Received) -> None:
        seen.append(message.data)
        if message.data == b"1":
            raise RuntimeError("boom")
        done.set()

    await bus.data.subscribe("work", handle)
    await bus.data.publish("work", b"1")
    await bus.data.publish("work", b"2")
    await asyncio.wait_for(done.wait(), 5)
    assert seen == [b"1", b"2"]
    assert "a handler failed" in caplog.text


async def test_a_slow_handler_loses_messages_and_they_are_counted(bus: Bus) -> None:
    release = asyncio.Event()

    async def wait(_message: Received) -> None:
        await release.wait()

    await bus.data.subscribe("flood", wait, max_pending=4)
    for _ in range(50):
        await bus.data.publish("flood", b"x")
    await bus.data.flush()
    assert 40 <= bus.data.slow_consumers <= 46
    release.set()


async def test_a_follower_sees_what_is_there_what_changes_and_what_goes(bus: Bus) -> None:
    bucket = await bus.bucket("config")
    await bucket.put("cameras.a", b"1")
    await bucket.put("models.m", b"other")
    states = bucket.follow("cameras.*")
    await eventually_next(states, {"cameras.a": b"1"})
    await bucket.put("cameras.b", b"2")
    await eventually_next(states, {"cameras.a": b"1", "cameras.b": b"2"})
    await bucket.delete("cameras.a")
    await eventually_next(states, {"cameras.b": b"2"})
    assert await bucket.get("cameras.a") is None


async def test_the_server_forgets_a_watch_by_the_time_that_the_follower_has_made_the_next_but_one(bus: Bus) -> None:
    states = (await bus.bucket("config")).follow("cameras.*")
    await eventually_next(states, {})
    answer = await bus.control.request("$JS.API.CONSUMER.LIST.KV_config", b"{}", within=5)
    (watch,) = json.loads(answer.data)["consumers"]
    assert watch["config"]["inactive_threshold"] <= RELIST_S * 1e9


async def test_a_follower_of_an_empty_bucket_hears_so(bus: Bus) -> None:
    await eventually_next((await bus.bucket("config")).follow("cameras.*"), {})


class EagerWatcher:
    """Says at once that all was told, as nats-py's does when the server's messages are slower than its word on them."""

    def __init__(self, watcher: KeyValue.KeyWatcher) -> None:
        self._watcher = watcher
        self._said = False
        self.stop = watcher.stop

    async def updates(self, timeout: float) -> KeyValue.Entry | None:  # noqa: ASYNC109 - as nats-py has it
        if not self._said:
            self._said = True
            return None
        return await self._watcher.updates(timeout) or await self._watcher.updates(timeout)


async def test_a_follower_is_not_told_of_nothing_before_it_is_told_of_what_there_is(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = KeyValue.watch

    async def watch_eagerly(self: KeyValue, *arguments: Any, **options: Any) -> EagerWatcher:
        return EagerWatcher(await watch(self, *arguments, **options))

    bucket = await bus.bucket("config")
    await bucket.put("cameras.a", b"1")
    await bucket.put("cameras.b", b"2")
    await bucket.delete("cameras.b")
    monkeypatch.setattr(KeyValue, "watch", watch_eagerly)
    assert await anext(bucket.follow("cameras.*")) == {"cameras.a": b"1"}


async def test_after_a_restart_of_the_server_requests_and_followers_go_on(tmp_path: Path) -> None:
    first = Broker.start(tmp_path / "broker", password="s3cret")
    port = urlsplit(first.context.url).port
    async with Bus.connect(first.context, name="survivor") as bus:
        back = asyncio.Event()
        bus.control.call_on_reconnect(back.set)
        bucket = await bus.bucket("config")
        await bucket.put("cameras.a", b"1")
        states = bucket.follow("cameras.*")
        await eventually_next(states, {"cameras.a": b"1"})
        first.stop()
        with pytest.raises(BusError):
            await bus.control.request("any", within=0.5)
        second = Broker.start(tmp_path / "broker", port=port, password="s3cret")
        try:
            await asyncio.wait_for(back.wait(), 30)
            async with asyncio.timeout(30):
                while True:
                    try:
                        await bucket.put("cameras.b", b"2")
                        break
                    except BusError:
                        await asyncio.sleep(0.1)  # JetStream needs a moment longer than the connection
            await eventually_next(states, {"cameras.a": b"1", "cameras.b": b"2"})
        finally:
            second.stop()


async def test_a_taker_that_raises_costs_only_its_message(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[bytes] = []

    def take(message: Received) -> None:
        seen.append(message.data)
        if message.data == b"1":
            raise RuntimeError("boom")

    await bus.data.take("work", take)
    for number in (b"1", b"2"):
        await bus.data.publish("work", number)
    await bus.data.flush()
    assert seen == [b"1", b"2"]
    assert "a handler failed" in caplog.text


async def test_what_an_ended_subscription_would_have_got_goes_to_nobody(bus: Bus) -> None:
    seen: list[bytes] = []
    subscription = await bus.data.take("work", lambda message: seen.append(message.data))
    await bus.data.publish("work", b"before")
    await bus.data.flush()
    await subscription.end()
    await bus.data.publish("work", b"after")
    await bus.data.flush()
    assert seen == [b"before"]


async def test_an_answer_that_comes_too_late_is_dropped_and_the_next_one_is_right(bus: Bus) -> None:
    waiting: list[Received] = []
    await bus.control.take("slow", waiting.append)
    await bus.control.flush()
    with pytest.raises(AnswerTimeoutError):
        await bus.data.request("slow", b"first", within=0.05)
    second = asyncio.create_task(bus.data.request("slow", b"second", within=10))
    async with asyncio.timeout(30):
        while len(waiting) < 2:
            await bus.control.flush()
    for message in waiting:
        await bus.control.publish(message.reply, b"to " + message.data)
    assert (await second).data == b"to second"


async def test_a_large_message_comes_whole_beside_small_ones_and_in_order(bus: Bus) -> None:
    sent = [bytes([number]) * size for number, size in enumerate((1, 3_000_000, 0, 90_000, 7, 200_000))]
    got: list[bytes] = []
    await bus.control.take("work", lambda message: got.append(message.data))
    await bus.control.flush()
    for payload in sent:
        await bus.data.publish("work", payload, headers={"A": "1"})
    await bus.data.flush()
    await bus.control.flush()
    assert got == sent


async def test_what_is_published_while_the_server_is_away_comes_in_order_and_takers_are_there_again(
    tmp_path: Path,
) -> None:
    first = Broker.start(tmp_path / "broker", password="s3cret")
    port = urlsplit(first.context.url).port
    async with Bus.connect(first.context, name="survivor") as bus:
        got: list[bytes] = []
        back = asyncio.Event()
        await bus.data.take("work", lambda message: got.append(message.data))
        bus.data.call_on_reconnect(back.set)
        first.stop()
        second = Broker.start(tmp_path / "broker", port=port, password="s3cret")
        try:
            async with asyncio.timeout(30):
                while bus.data.connected and not back.is_set():  # noqa: ASYNC110 - nothing tells of the loss
                    await asyncio.sleep(0)
            sent = [str(number).encode() for number in range(200)]
            for number in sent[:100]:
                await bus.data.publish("work", number)
            await asyncio.wait_for(back.wait(), 30)
            for number in sent[100:]:
                await bus.data.publish("work", number)
            await bus.data.flush()
            assert got == sent
        finally:
            second.stop()


async def test_an_answer_cannot_be_foreseen_from_an_earlier_request(bus: Bus) -> None:
    seen: list[str] = []
    await bus.control.take("ask", lambda message: seen.append(message.reply))
    await bus.control.flush()
    for _ in range(3):
        with pytest.raises(AnswerTimeoutError):
            await bus.data.request("ask", within=0.05)
    tokens = [int(each.rpartition(".")[2], 16) for each in seen]
    assert len(set(tokens)) == 3
    assert tokens[1] - tokens[0] != tokens[2] - tokens[1]


async def test_a_blob_comes_back_as_it_was_put(bus: Bus, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(content)
    blobs, digest = await bus.blobs("models"), sha256_bytes(content)
    assert not await blobs.has(digest)
    await blobs.put_file(digest, source)
    assert await blobs.has(digest)
    await blobs.get_file(digest, target)
    assert target.read_bytes() == content


async def test_a_blob_that_is_not_there_is_told_with_the_remedy(bus: Bus, tmp_path: Path) -> None:
    blobs = await bus.blobs("models")
    with pytest.raises(ModelRejectedError, match="0000") as caught:
        await blobs.get_file("0" * 64, tmp_path / "out")
    assert "bramble model push" in caught.value.remedy
