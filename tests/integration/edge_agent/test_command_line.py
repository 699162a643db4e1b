"""The agent as an operator and systemd meet it: arguments, exit statuses, notifications."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from cli.local.broker import Broker
from tests.agent_testing.running_agent import RunningAgent
from wire.bus import Bus
from wire.context import save_context

MISTAKES = {
    "a context that is not there": (
        ["--node", "pi1", "--context", "/none.json"],
        1,
        "the context /none.json cannot be read",
    ),
    "a backend that is not known": (["--node", "pi1", "--backends", "cuda"], 1, "there is no backend 'cuda'"),
    "a node name with a dot": (["--node", "pi.1"], 1, "'pi.1' is not a valid name"),
    "a cache that is a file": (
        ["--node", "pi1", "--cache", "/dev/null"],
        1,
        "the cache /dev/null/sha256 cannot be used",
    ),
    "no node": ([], 2, "--node"),
    "an unknown option": (["--node", "pi1", "--slowdown", "3"], 2, "unrecognized arguments: --slowdown 3"),
}


async def run(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge_agent", *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, errors.decode()


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_ends_the_agent_with_what_is_wrong(name: str) -> None:
    arguments, status, message = MISTAKES[name]
    found, errors = await run(*arguments)
    assert found == status
    assert message in errors
    assert "Traceback" not in errors


async def test_systemd_hears_that_the_agent_is_ready_alive_and_stopping(
    bus: Bus, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
        systemd.bind(path)
        async with RunningAgent.start(bus, broker.context, tmp_path) as agent:
            agent.signal(signal.SIGTERM)
            assert await asyncio.wait_for(agent.process.wait(), 10) == 0
        words = systemd.recv(1000) + b"\n"
        while b"STOPPING=1" not in words:
            words += systemd.recv(1000) + b"\n"
    assert words.startswith(b"READY=1\n")
    assert b"WATCHDOG=1" in words


async def test_a_broker_without_jetstream_is_waited_for(tmp_path: Path) -> None:
    """The agent beats and says in its log what is missing, instead of ending."""
    broker = Broker.start(tmp_path / "broker")
    config = tmp_path / "broker" / "nats-server.conf"
    text = config.read_text()
    start = text.index("jetstream {")
    config.write_text(text[:start] + text[text.index("}", start) + 1 :])
    broker.stop()
    port, password = int(broker.context.url.rpartition(":")[2]), broker.context.url.split(":")[2].split("@")[0]
    bare = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "nats-server",
        "--config",
        config,
        "--port",
        str(port),
        stderr=asyncio.subprocess.DEVNULL,
    )
    context = tmp_path / "context.json"
    save_context(broker.context, context)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "edge_agent", "--node", "pi1", "--context", str(context), "--backends", "simulated"),
        *("--cache", str(tmp_path / "cache")),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        line = b""
        while b"action=open_bucket" not in line:
            line = await asyncio.wait_for(process.stderr.readline(), 20)
            assert line
        assert password.encode() not in line
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        for each in (process, bare):
            if each.returncode is None:
                os.kill(each.pid, signal.SIGKILL)
            await each.wait()
