"""What the Pis are given works on their kind of machine: installed and run in an emulated aarch64 root."""

from __future__ import annotations

import json
import secrets
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelkit.library import Library
from tests.hosts.base import MAKE_S
from tests.hosts.conftest import ROOT, bundles
from tests.hosts.emulated import INSTALL_S, find_rule

pytestmark = [pytest.mark.aarch64, pytest.mark.timeout(MAKE_S["arm64"] + 1800)]

TARGET = "aarch64-cp311-agent+broker+controller"
READY_S = 600.0
LONGEST_S = 900.0
STOP_S = 60.0
_SERVER = """\
host: 127.0.0.1
port: {port}
max_payload: 8MB
jetstream {{ store_dir: /var/lib/nats }}
authorization {{ user: bramble, password: {password} }}
"""


@dataclass(frozen=True)
class Pi:
    """A running node: server, controller and agent, all of them aarch64 programs."""

    context: Path
    installed_s: float
    state: Path

    def read_logs(self) -> str:
        """Return what its programs said last."""
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.state.glob("program-*.log")))


def find_obstacle() -> str | None:
    missing = [each for each in ("debootstrap", "unshare") if not shutil.which(each)]
    if missing or find_rule() is None:
        return "not installed here: apt-get install --no-install-recommends debootstrap qemu-user-static"
    return None


def run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def build_bundles() -> dict[str, str]:
    builder = ROOT / "roles/release/files/build_bundle.py"
    done = run([sys.executable, builder, "--root", ROOT, "--out", bundles(), "--target", TARGET])
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)["bundles"][TARGET]
    return found


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pi]:
    obstacle = find_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private"]
    module = [*apart, sys.executable, "-m", "tests.hosts.emulated"]
    subprocess.run([*module, "--base"], cwd=ROOT, check=True, timeout=MAKE_S["arm64"])
    made = build_bundles()
    files, state = tmp_path_factory.mktemp("etc"), tmp_path_factory.mktemp("pi")
    context = files / "context.json"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    password = secrets.token_hex(16)
    (files / "nats.conf").write_text(_SERVER.format(port=port, password=password))
    context.write_text(json.dumps({"url": f"nats://bramble:{password}@127.0.0.1:{port}"}))
    process = subprocess.Popen(
        [*module, "--state", state, "--environment", made["environment"], "--release", made["release"],
         "--files", files,
         "nats-server --config /etc/bramble/nats.conf",
         "bramble-controller --id pi --metrics-port 0 --context /etc/bramble/context.json",
         "bramble-agent --node pi --backends litert --threads 1 --context /etc/bramble/context.json"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], INSTALL_S + STOP_S)
        line = process.stdout.readline() if readable else ""
        assert line, "the bundles were not installed; the reason is above"
        yield Pi(context, json.loads(line)["installed_s"], state)
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()  # the kernel ends what is in its namespaces
            process.wait(STOP_S)
        process.stdout.close()


def test_a_bundle_for_a_pi_answers_a_picture_on_aarch64(pi: Pi, library: Library) -> None:
    command: list[str | Path] = [sys.executable, "-P", "-m", "cli.main", "--context", pi.context]
    deadline = time.monotonic() + READY_S
    while run([*command, "status"]).returncode and time.monotonic() < deadline:
        select.select([], [], [], 1.0)  # an emulated controller takes its time to import what it needs
    pushed = run([*command, "model", "push", "mobilenet_v2", "--library", library.root])
    assert pushed.returncode == 0, pushed.stderr + pi.read_logs()

    gate: list[str | Path] = [
        sys.executable,
        "-P",
        ROOT / "roles/operator/files/gate.py",
        "--context",
        pi.context,
        "--node",
        "pi",
    ]
    asked = run([*gate, "--within", str(READY_S), "--picture", ROOT / "roles/operator/files/picture.png"])

    assert asked.returncode == 0, asked.stdout + asked.stderr + pi.read_logs()
    answers = json.loads(asked.stdout)["answers"]
    print(f"installed in {pi.installed_s} s; answered {answers}")  # noqa: T201 - the record that docs/provision.md keeps
    assert answers["mobilenet_v2"]["pi"]
