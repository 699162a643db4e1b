"""gRPC with an asyncio client: a channel a worker, two frames a worker, and a frame that was lost goes to the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

from benchmarks.frame_path.contender import WORKERS, Site
from benchmarks.frame_path.credits import Credits
from benchmarks.harness.load import Ask
from benchmarks.peers.grpc_worker import METHOD, OPTIONS, SERVICE
from benchmarks.peers.http_client import find_port
from benchmarks.peers.supervised import supervise

DEADLINE_S = 10.0
RECONNECT = (
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.initial_reconnect_backoff_ms", 100),
)


@asynccontextmanager
async def run(site: Site, variant: str) -> AsyncIterator[Ask]:
    """Start the workers."""
    ports = [find_port() for _ in range(WORKERS)]
    module = (site.python, "-P", "-m", "benchmarks.peers.grpc_worker")
    commands = {f"worker-{number}": (*module, str(port), variant or "aio") for number, port in enumerate(ports)}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(supervise(site.directory, commands))
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS + RECONNECT))
            for port in ports
        ]
        for channel in channels:
            await asyncio.wait_for(channel.channel_ready(), 60)
        pool = _Pool(channels)
        stack.push_async_callback(pool.close)
        yield pool.ask


class _Pool:
    def __init__(self, channels: list[grpc.aio.Channel]) -> None:
        self._channels = channels
        self._calls = [channel.unary_unary(f"/{SERVICE}/{METHOD}") for channel in channels]
        self._credits = Credits(range(len(channels)))
        self._returning: dict[int, asyncio.Task[None]] = {}

    async def ask(self, picture: bytes) -> bytes:
        """Have a picture looked at."""
        while True:
            worker = await self._credits.take()
            try:
                found: bytes = await self._calls[worker](picture, timeout=DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self._bar(worker)
            else:
                return found
            finally:
                self._credits.give(worker)

    def _bar(self, worker: int) -> None:
        if worker not in self._returning:
            self._credits.bar(worker)
            self._returning[worker] = asyncio.create_task(self._await_return(worker))

    async def _await_return(self, worker: int) -> None:
        await self._channels[worker].channel_ready()
        del self._returning[worker]
        self._credits.admit(worker)

    async def close(self) -> None:
        """Wait for nobody any more."""
        waiting: list[Coroutine[None, None, None] | asyncio.Task[None]] = list(self._returning.values())
        for task in self._returning.values():
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
