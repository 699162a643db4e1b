"""NATS by hand over workers of unequal speed: a queue group, and a JetStream pull consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext

from benchmarks.harness.load import WITHIN_S, Ask

GROUP = "queue-group.bench"
STREAM = "bench-pull"
PULLED = "pull.bench"
REPLY = "Reply-To"
FETCH_S = 1.0


@asynccontextmanager
async def run_queue_group(url: str, seconds: Sequence[float]) -> AsyncIterator[Ask]:
    """Run a worker for each entry (its time for a frame) on one subject; the server hands each frame to any of them."""
    client = await nats.connect(url)
    try:
        for each in seconds:

            async def work(message: Msg, each: float = each) -> None:
                await asyncio.sleep(each)
                await client.publish(message.reply, b"{}")

            await client.subscribe(GROUP, queue="workers", cb=work, pending_bytes_limit=1 << 30)

        async def ask(picture: bytes) -> object:
            return await client.request(GROUP, picture, timeout=WITHIN_S)

        yield ask
    finally:
        await client.close()


@asynccontextmanager
async def run_pull(url: str, seconds: Sequence[float]) -> AsyncIterator[Ask]:
    """Run a worker for each entry that fetches one frame at a time; the stream is held in memory."""
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(
        StreamConfig(
            name=STREAM, subjects=[PULLED], storage=StorageType.MEMORY, retention=RetentionPolicy.WORK_QUEUE,
            max_bytes=48 << 20,
        )
    )  # fmt: skip
    await stream.add_consumer(
        STREAM, ConsumerConfig(durable_name="workers", ack_policy=AckPolicy.EXPLICIT, ack_wait=WITHIN_S)
    )
    workers = [asyncio.create_task(_pull(client, stream, each)) for each in seconds]
    try:

        async def ask(picture: bytes) -> object:
            inbox = client.new_inbox()
            answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()

            async def take(message: Msg) -> None:
                answer.set_result(message)

            subscription = await client.subscribe(inbox, max_msgs=1, cb=take)
            try:
                await stream.publish(PULLED, picture, headers={REPLY: inbox})
                return await asyncio.wait_for(answer, WITHIN_S)
            finally:
                if not answer.done():
                    await subscription.unsubscribe()

        yield ask
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
        await client.close()


async def _pull(client: Client, stream: JetStreamContext, seconds: float) -> None:
    consumer = await stream.pull_subscribe_bind("workers", STREAM)
    while True:
        try:
            (message,) = await consumer.fetch(1, timeout=FETCH_S)
        except nats.errors.TimeoutError:
            continue
        await asyncio.sleep(seconds)
        await client.publish((message.headers or {})[REPLY], b"{}")
        await message.ack()
