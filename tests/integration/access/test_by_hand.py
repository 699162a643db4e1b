"""A server set up by hand, as docs/security.md says: the commands' outputs are all that it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from cli.local.broker import Broker
from wire.bus import Bus
from wire.context import load_context


def access(directory: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "cli.main", "access", *arguments, "--access", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def request_certificate(key: Path, request: Path) -> None:
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=hub"]
    command = ["openssl", "req", "-new", *options, "-keyout", str(key), "-out", str(request)]
    subprocess.run(command, capture_output=True, timeout=30, check=True)


async def test_what_the_commands_print_makes_a_server_and_a_way_in(tmp_path: Path) -> None:
    directory, host = tmp_path / "access", tmp_path / "host"
    probe = Broker.start(tmp_path / "probe")  # a port that is free
    port = urlsplit(probe.context.url).port
    probe.stop()
    access(directory, "init", "--cluster", "plant", "--url", f"tls://127.0.0.1:{port}")
    key, request = tmp_path / "server-key.pem", tmp_path / "server.csr"
    request_certificate(key, request)
    access(directory, "certificate", "--host", "127.0.0.1", "--request", str(request), "--out", str(host))
    files = ("--certificate", str(host / "server.pem"), "--key", str(key), "--ca", str(directory / "ca.pem"))
    trust = access(directory, "server-config", "--store", str(host / "accounts"), *files)
    broker = Broker.start(host, port=port, trust=trust)
    try:
        access(directory, "add", "ann", "--role", "viewer", "--out", str(tmp_path / "ann.json"))
        async with Bus.connect(load_context(str(tmp_path / "ann.json")), name="ann") as bus:
            await bus.control.flush()
        assert "the servers of plant go by it" in access(directory, "push")
    finally:
        broker.stop()
    assert access(directory, "server-config", "--store", str(host / "accounts"), *files) == trust
