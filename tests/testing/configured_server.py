"""A nats-server with the configuration that a test gives it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0


@contextmanager
def run_server(directory: Path, config: str) -> Iterator[dict[str, list[str]]]:
    """Run a nats-server with this configuration; gives the addresses that it listens on."""
    file = directory / "server.conf"
    file.write_text(f'ports_file_dir: "{directory}"\nhost: 127.0.0.1\nport: -1\n{config}')
    server = Path(sys.executable).parent / "nats-server"
    process = subprocess.Popen([server, "--config", file], stderr=subprocess.DEVNULL)
    ports = directory / f"nats-server_{process.pid}.ports"
    try:
        end = time.monotonic() + START_S
        while not ports.exists() or not ports.read_text().strip().endswith("}"):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)  # for a file, bounded
        yield json.loads(ports.read_text())
    finally:
        process.terminate()
        process.wait(START_S)
