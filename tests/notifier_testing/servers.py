"""Real MQTT brokers on free ports, someone who listens to them, and a web server that takes notices."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

START_S = 30.0
_NATS_MQTT = re.compile(r"Listening for MQTT clients on mqtt://127\.0\.0\.1:(\d+)")


class MqttBroker:
    """One broker; it can be stopped and started again on its port, with what it retained."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        command = self._nats_command() if self.kind == "nats-server" else self._mosquitto_command()
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory)
        end = time.monotonic() + START_S
        while not self._is_ready():
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < end, (self._directory / "log").read_text()
            time.sleep(0.02)  # for a port, bounded

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(START_S)

    def _is_ready(self) -> bool:
        if not self.port:
            found = _NATS_MQTT.search((self._directory / "log").read_text())
            self.port = int(found[1]) if found else 0
        with socket.socket() as end:
            return bool(self.port) and end.connect_ex(("127.0.0.1", self.port)) == 0

    def _nats_command(self) -> list[str]:
        config = self._directory / "nats.conf"
        store = f'jetstream {{ store_dir: "{self._directory}/js" }}'
        mqtt = f"mqtt {{ host: 127.0.0.1, port: {self.port or -1} }}"
        config.write_text(f"host: 127.0.0.1\nport: -1\nserver_name: mqtt\n{store}\n{mqtt}\n")
        return [str(Path(sys.executable).parent / "nats-server"), "--config", str(config)]

    def _mosquitto_command(self) -> list[str]:
        found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        if found is None:
            pytest.skip("mosquitto is not installed: apt-get install mosquitto (CI has it)")
        if not self.port:
            with socket.socket() as end:
                end.bind(("127.0.0.1", 0))
                self.port = end.getsockname()[1]
        config = self._directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self._directory}/\nuser {Path(self._directory).owner()}\n"
        )
        return [found, "-c", str(config)]


class Ear:
    """What a broker tells one listener: the newest payload by topic, and every message in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.retained: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes]] = []
        self._changed = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self.client.messages:
            payload = message.payload
            assert isinstance(payload, bytes)
            async with self._changed:
                self.heard.append((str(message.topic), payload))
                self.retained[str(message.topic)] = payload
                self._changed.notify_all()

    async def wait_for(self, wanted: Callable[[], bool], *, within: float = 15.0) -> None:
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(wanted)
        except TimeoutError:
            pytest.fail(f"not within {within:g} s; heard was {self.heard[-20:]}")

    async def wait_for_payload(self, topic: str, payload: bytes, *, within: float = 15.0) -> None:
        await self.wait_for(lambda: self.retained.get(topic) == payload, within=within)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Ear]:
    """Hear everything that a broker carries."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        ear = Ear(client)
        await client.subscribe("#", qos=1)
        task = asyncio.create_task(ear.listen(), name="ear")
        try:
            yield ear
        finally:
            task.cancel()
            await asyncio.wait({task})


class WebServer:
    """Takes posts; answers with the statuses told, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self.heard: queue.Queue[tuple[dict[str, str], dict[str, Any]]] = queue.Queue()
        left = list(statuses)
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heard.put((dict(self.headers), json.loads(body)))
                self.send_response(left.pop(0) if left else 204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, name="web", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    async def next(self, *, within: float = 20.0) -> tuple[dict[str, str], dict[str, Any]]:
        return await asyncio.to_thread(self.heard.get, timeout=within)
