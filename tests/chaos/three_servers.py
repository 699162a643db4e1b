"""A cluster on three servers that keep everything three times; whichever leads can be killed, and comes back."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from cli.cluster import Cluster
from cli.connection import open_cluster
from cli.library import simulate_model
from cli.local.leash import Leash
from cli.local.program import Program, ProgramSpec
from cli.push import push_model
from tests.chaos.cluster import Target
from tests.chaos.course import Course
from tests.chaos.load import MODEL
from tests.testing.server_cluster import ServerCluster, server_cluster
from wire.context import save_context
from wire.errors import BrambleError

START_S = 60.0
RESTART_S = 2.0
RETIRED_S = 60.0
HEALTHY_S = 30.0
LOOK_S = 0.2
TURNS = ("jobs", "KV_config", "outcomes", "KV_leases", "audit", "")
"""The streams whose leaders are killed in turn; the last one stands for the leader of all of JetStream."""


class ThreeServers:
    """The cluster; ``signal`` ends the server that leads."""

    def __init__(self, servers: ServerCluster, told: dict[str, Any], controllers: tuple[str, ...]) -> None:
        self.told = told
        self.controllers = controllers
        self._servers = servers
        self._turns = cycle(TURNS)

    def signal(self, _targets: tuple[str, ...], number: int) -> None:
        """End the leader once all three are well, or nobody could take its place; it is started again."""
        leader = self._find_leader(next(self._turns))
        self._servers.signal(leader, number)
        threading.Thread(target=self._start_again, args=(leader,)).start()

    def _start_again(self, name: str) -> None:
        """Start a server again a while after it has ended."""
        self._servers.wait_ended(name, RETIRED_S)
        time.sleep(RESTART_S)
        self._servers.start(name)

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Yield nothing: nobody samples these."""
        return iter(())

    def _find_leader(self, stream: str) -> str:
        end = time.monotonic() + HEALTHY_S
        while time.monotonic() < end:
            try:
                for port in self._servers.monitors:
                    _read(port, "healthz")
                pages = [_read(port, "jsz?accounts=1&streams=1") for port in self._servers.monitors]
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(LOOK_S)
                continue
            found = {leader for page in pages if (leader := _leader(page, stream))}
            if len(found) == 1:
                return found.pop()
            time.sleep(LOOK_S)
        raise RuntimeError(f"after {HEALTHY_S:g} s not all three servers are well, or nobody leads {stream or 'them'}")


def _read(port: int, page: str) -> dict[str, Any]:
    with urlopen(f"http://127.0.0.1:{port}/{page}", timeout=2) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


def _leader(page: dict[str, Any], stream: str) -> str:
    if not stream:
        return str(page.get("meta_cluster", {}).get("leader", ""))
    streams = [each for account in page.get("account_details", ()) for each in account.get("stream_detail", ())]
    return next((str(each.get("cluster", {}).get("leader", "")) for each in streams if each["name"] == stream), "")


@asynccontextmanager
async def open_three_servers(course: Course, log: Path) -> AsyncIterator[Target]:
    """Run servers, controllers and agents for the time of an ``async with``; what they say goes to ``log``."""
    controllers = tuple(f"controller-{n}" for n in range(1, course.controllers + 1))
    nodes = tuple(f"node-{n}" for n in range(1, course.nodes + 1))
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bramble-chaos-")))
        servers = await stack.enter_async_context(server_cluster(directory))
        context = directory / "context.json"
        save_context(servers.context, context)
        fixed = ("--context", str(context))
        agent = ("--cache", str(directory / "cache"), "--backends", "simulated", "--threads", "1")
        lines = [("controller", "--id", name, *fixed, "--metrics-port", "0") for name in controllers]
        lines += [("edge_agent", "--node", name, *fixed, *agent) for name in nodes]
        leash = Leash(directory)
        stack.callback(leash.close)
        for line in lines:
            await stack.enter_async_context(_running(ProgramSpec(line[2], _python(line), log), leash))
        async with open_cluster(str(context)) as cluster, asyncio.timeout(START_S):
            await _serve(cluster)
        yield ThreeServers(servers, {"context": str(context), "nodes": nodes}, controllers)


async def _serve(cluster: Cluster) -> None:
    """Have the model served, as soon as somebody can be told so."""
    while True:
        try:
            await push_model(cluster, simulate_model(MODEL), None, lambda _: None, key=None)
        except BrambleError:
            await asyncio.sleep(LOOK_S)
        else:
            return


@asynccontextmanager
async def _running(spec: ProgramSpec, leash: Leash) -> AsyncIterator[None]:
    """Run a program, again whenever it ends, for the time of the block."""
    task = asyncio.create_task(Program(spec, leash, lambda _: None).run(), name=spec.name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _python(line: tuple[str, ...]) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", *line)
