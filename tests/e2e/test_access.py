"""Letting in and shutting out, with the real commands, on an encrypted cluster that runs."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.access.authority import Authority
from tests.e2e.local_process import LocalProcess, bramble, start_local_process
from wire.context import load_context
from wire.identity import KeyPair, Kind
from wire.permissions import Role

pytestmark = pytest.mark.e2e

PUSH = Path(__file__).parents[2] / "roles/access/files/push.py"
RECORD_S = 60.0
END_S = 10.0  # within 5 s of the revocation, on a machine that may be busy


@pytest.fixture(scope="module")
def secure() -> Iterator[LocalProcess]:
    local = start_local_process("--nodes", "1", "--simulated", "--secure")
    local.tell("camera", "add", "yard", "synthetic:?fps=10", "--model", "mobilenet_v2")
    yield local
    local.stop()


def access(local: LocalProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return local.run("access", *arguments, "--access", local.told["access"])


def test_everything_is_encrypted_and_the_nats_command_is_let_in_with_the_same_context(
    secure: LocalProcess, nats_command: str
) -> None:
    assert secure.told["url"].startswith("tls://")
    assert "1/1 nodes live" in secure.tell("status")
    done = subprocess.run(
        [nats_command, "--context", secure.told["context"], "sub", "results.yard.>", "--count", "2", "--raw"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert [json.loads(line)["camera"] for line in done.stdout.splitlines() if line] == ["yard", "yard"]


def test_a_viewer_looks_and_changes_nothing_until_it_is_shut_out_and_nobody_else_notices(
    secure: LocalProcess, tmp_path: Path
) -> None:
    context = tmp_path / "ann.json"
    assert "ann is viewer now" in access(secure, "add", "ann", "--role", "viewer", "--out", str(context)).stdout
    assert "1/1 nodes live" in secure.tell("status", "--context", str(context))
    refused = secure.run("camera", "remove", "yard", "--context", str(context))
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "error: this user may not publish to control.ann.camera.remove",
        "remedy: see what each role may do with `bramble access matrix`",
    ]
    with subprocess.Popen(
        bramble("results", "--follow", "--json", "--context", str(context)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as watching:  # fmt: skip
        assert watching.stdout is not None
        try:
            assert json.loads(watching.stdout.readline())["camera"] == "yard"
            assert access(secure, "revoke", "ann").stdout == "ann is shut out\n"
            _, said = watching.communicate(timeout=END_S)
        finally:
            watching.kill()
    assert watching.returncode == 1
    assert "refused this user" in said
    assert secure.run("status", "--context", str(context)).returncode == 1
    assert secure.ask("results", "--camera", "yard", "--within", "20")
    listed = [json.loads(line) for line in access(secure, "list", "--json").stdout.splitlines()]
    assert {each["name"]: bool(each["revoked_at"]) for each in listed} == {
        "operator": False, "controller": False, "node-1": False, "ann": True,
    }  # fmt: skip


def test_a_node_makes_its_key_itself_and_only_the_public_half_is_signed(secure: LocalProcess, tmp_path: Path) -> None:
    key = tmp_path / "agent.nk"
    public = subprocess.run(
        [*bramble()[:1], "-m", "wire.identity", str(key)], capture_output=True, text=True, timeout=30, check=True
    ).stdout.strip()
    file = tmp_path / "pi7.json"
    told = access(
        secure,
        "add",
        "pi7",
        "--role",
        "agent",
        "--public-key",
        public,
        "--nkey",
        str(key),
        "--out",
        str(file),
        "--json",
    )
    assert json.loads(told.stdout)["public_key"] == public
    seed = key.read_text().strip()
    assert seed not in file.read_text()
    assert load_context(str(file)).user_name == "pi7"
    with subprocess.Popen(
        [
            *bramble()[:1], "-m", "edge_agent", "--node", "pi7", "--context", str(file), "--backends", "simulated",
            "--cache", str(tmp_path / "cache"),
        ],
        stderr=subprocess.DEVNULL,
    ) as agent:  # fmt: skip
        try:
            while "pi7" not in {node["node"] for node in secure.ask("nodes")}:
                assert agent.poll() is None
            again = access(
                secure, "add", "pi7", "--role", "agent", "--public-key", public, "--nkey", str(key), "--out", str(file)
            )
            assert again.returncode == 0  # twice is no change
            assert "pi7 is shut out" in access(secure, "revoke", "pi7").stdout
            assert agent.wait(END_S) == 1  # an error, told in words
        finally:
            agent.kill()


def test_what_the_playbooks_change_is_on_the_record_once_the_cluster_is_told_of_it(secure: LocalProcess) -> None:
    directory = Path(secure.told["access"])
    public = KeyPair.make(Kind.USER).public
    Authority.open(directory).add("witness-attic", Role.WITNESS, public)  # as sign.py does, before there is a cluster
    command = [*bramble()[:1], "-P", str(PUSH), "--access", str(directory), "--out", public]

    def push(*more: str) -> dict[str, object]:
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=60, check=True)
        told: dict[str, object] = json.loads(done.stdout)
        return told

    nothing = {"changed": False, "untold": [], "unrecorded": ""}
    assert push("--check") == nothing | {"changed": True}
    assert Authority.open(directory).record.find("witness-attic")
    assert push() == nothing | {"changed": True}
    assert push() == nothing
    deeds = [each["entry"]["deed"] for each in secure.ask("audit")]
    told = [deed["action"] for deed in deeds if deed.get("target") == "witness-attic"]
    assert told == ["access.add", "access.revoke"]
    let_in = {deed["target"] for deed in deeds if deed["action"] == "access.add"}
    assert let_in >= {"operator", "controller", "node-1"}
    assert Authority.open(directory).record.untold == ()


def test_who_goes_on_in_plain_text_is_refused_and_on_the_record(secure: LocalProcess) -> None:
    port = urlsplit(secure.told["url"]).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), END_S) as plain:
        assert b'"tls_required":true' in plain.recv(1 << 16)
        plain.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        assert b"PONG" not in plain.recv(1 << 16)
    deadline = time.monotonic() + RECORD_S
    while not (found := find_refusals(secure)):
        assert time.monotonic() < deadline, secure.ask("audit")[-5:]
    assert (found[0]["who"], found[0]["detail"]) == ("127.0.0.1", "TLS Handshake Failure")


def find_refusals(local: LocalProcess) -> list[dict[str, str]]:
    deeds = [each["entry"]["deed"] for each in local.ask("audit")]
    return [deed for deed in deeds if deed["action"] == "access.connect" and "TLS" in deed["detail"]]


def test_the_matrix_is_shown_for_people_and_programs(secure: LocalProcess) -> None:
    table = secure.tell("access", "matrix", "--role", "publisher")
    assert "frames.<name>" in table
    cells = secure.ask("access", "matrix", "--role", "publisher")
    assert [(each["subject"], each["may"]) for each in cells] == [
        ("_INBOX_<name>.>", "subscribe"),
        ("frames.<name>", "publish"),
    ]


def test_who_cannot_be_shut_out_now_is_not_forgotten(secure: LocalProcess, tmp_path: Path) -> None:
    directory = str(tmp_path / "access")
    made = secure.run("access", "init", "--access", directory, "--cluster", "w", "--url", "tls://127.0.0.1:1")
    assert made.returncode == 0
    out = str(tmp_path / "bob.json")
    assert secure.run("access", "add", "bob", "--role", "viewer", "--access", directory, "--out", out).returncode == 0
    revoked = secure.run("access", "revoke", "bob", "--access", directory)
    assert revoked.returncode == 3
    assert "not every server knows it yet" in revoked.stderr
    assert "remedy: once they can be reached: `bramble access push`" in revoked.stderr
    listed = secure.run("access", "list", "--access", directory, "--json").stdout
    assert json.loads(listed)["revoked_at"] > 0
