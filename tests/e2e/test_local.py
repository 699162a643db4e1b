"""Clusters on this machine: how they end, and what they survive."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from cli.local.broker import Broker
from tests.e2e.local_process import LocalProcess, StartLocal, await_end, bramble
from wire.context import save_context

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_stop_leaves_no_process_and_no_file_behind(start_local: StartLocal, number: int) -> None:
    local = start_local("--nodes", "2", "--simulated")
    processes = local.descendants()
    assert len(processes) >= 5  # the broker, the controller, two agents, the leash
    assert local.stop(number) == 0
    assert await_end(processes) == []
    assert not Path(local.told["context"]).parent.exists()


def test_a_cluster_whose_directory_was_cleaned_away_still_stops_in_order(start_local: StartLocal) -> None:
    local = start_local("--nodes", "1", "--simulated")
    processes = local.descendants()
    shutil.rmtree(Path(local.told["context"]).parent)
    assert local.stop() == 0
    assert await_end(processes) == []


def test_nothing_survives_a_kill_9_of_the_command(start_local: StartLocal) -> None:
    local = start_local("--nodes", "2", "--simulated")
    local.tell("camera", "add", "yard", "synthetic:", "--model", "mobilenet_v2")
    local.ask("results", "--camera", "yard", "--within", "30")
    processes = local.descendants()
    assert len(processes) >= 6  # the broker, the controller, its camera, two agents, the leash
    local.process.kill()
    local.process.communicate(timeout=30)
    assert await_end(processes) == []
    assert not Path(local.told["context"]).parent.exists()


def test_an_agent_that_dies_is_reported_and_comes_back(start_local: StartLocal) -> None:
    local = start_local("--nodes", "2", "--simulated")
    agent = find(local.descendants(), "node-2")
    session = sessions(local)["node-2"]
    agent.send_signal(signal.SIGKILL)
    assert "node-2 was ended by SIGKILL; starting it again" in local.await_note("node-2 was ended")
    await_session(local, "node-2", other_than=session)


def test_a_broker_that_dies_comes_back_and_the_cluster_with_it(start_local: StartLocal) -> None:
    local = start_local("--nodes", "2", "--simulated")
    find(local.descendants(), "nats-server").send_signal(signal.SIGKILL)
    local.await_note("the broker was ended by SIGKILL")
    while not local.run("status").stdout.startswith("ok: 2/2 nodes live"):
        pass  # each turn is a whole command; the test's own time limit bounds it


def test_a_port_that_is_taken_is_an_error_with_the_server_s_own_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = bramble("local", "--simulated", "--port", str(port))
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "error: nats-server did not start" in done.stderr
    assert "address already in use" in done.stderr
    (logs,) = re.findall(r"the logs are in (\S+)", done.stderr)
    assert {path.name for path in Path(logs).rglob("*") if path.is_file()} == {"nats-server.log"}
    shutil.rmtree(logs)


def test_a_saved_context_is_there_while_the_cluster_runs(
    start_local: StartLocal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    local = start_local("--nodes", "1", "--simulated", "--save-context")
    saved = tmp_path / "nats" / "context" / "bramble-local.json"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert local.run("status", "--context", "bramble-local").stdout.startswith("ok: 1/1 nodes live")
    local.stop()
    assert not saved.exists()


def test_no_cluster_starts_without_a_known_model() -> None:
    command = bramble("local", "--simulated", "--model", "nothing")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "there is no recipe for 'nothing'" in done.stderr


def find(processes: list[psutil.Process], word: str) -> psutil.Process:
    """Return the process with a word in its command line."""
    return next(process for process in processes if any(word in part for part in process.cmdline()))


def sessions(local: LocalProcess) -> dict[str, str]:
    return {node["node"]: node["heartbeat"]["session"] for node in local.ask("nodes")}


def await_session(local: LocalProcess, node: str, *, other_than: str) -> None:
    """Ask until the node reports from a new start; the test's own time limit bounds it."""
    while sessions(local).get(node) == other_than:
        pass


def test_a_server_without_a_controller_is_exit_code_3(broker: Broker, pictures: Path, tmp_path: Path) -> None:
    context = tmp_path / "context.json"
    save_context(broker.context, context)
    for arguments in (["status"], ["infer", str(pictures), "--model", "mobilenet_v2"]):
        command = bramble(*arguments, "--context", str(context))
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 3
        assert done.stderr.startswith("error: the NATS server answers, but no controller does\nremedy: ")
