"""What the roles say of themselves, what they decide, and that nothing of it needs a host."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.conftest import ROOT, find_ansible
from tests.hosts.role_files import load_file

survey = load_file("roles/node_base/files/survey.py")
installed = load_file("roles/release/files/list_installed.py")
reconcile = load_file("roles/models/files/reconcile.py")

LIMITS = {"clock_skew_s": 10, "memory_mib": 400, "disk_mib": 1024, "fsync_warn_ms": 50, "fsync_refuse_ms": 200}
GOOD: dict[str, Any] = {
    "machine": "aarch64",
    "userland_bits": 64,
    "python": [3, 11],
    "venv": True,
    "systemd": True,
    "clock_skew_s": 0.1,
    "memory_mib": 3800,
    "free_mib": {"/": 9000},
    "ports_taken": {},
    "fsync_p99_ms": 5.0,
    "throttled": [],
}


def test_specs_defaults_and_documentation_say_the_same() -> None:
    python = find_ansible().parent / "python"

    done = subprocess.run([python, ROOT / "roles/document.py", "--check"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_good_host_has_no_findings() -> None:
    assert survey.judge(GOOD, LIMITS) == []


@pytest.mark.parametrize(
    ("reading", "level", "subject", "remedy"),
    [
        ({"machine": "armv7l", "userland_bits": 32}, "refuse", "architecture", "64-bit"),
        ({"userland_bits": 32}, "refuse", "architecture", "64-bit"),
        ({"python": [3, 9]}, "refuse", "python", "bookworm"),
        ({"venv": False}, "refuse", "python", "python3-venv"),
        ({"systemd": False}, "refuse", "systemd", "systemd"),
        ({"clock_skew_s": -11.0}, "refuse", "clock", "timedatectl"),
        ({"memory_mib": 399}, "refuse", "memory", "memory"),
        ({"free_mib": {"/": 9000, "/opt": 1023}}, "refuse", "disk", "/opt"),
        ({"ports_taken": {"4222": "nats.service"}}, "refuse", "port", "port"),
        ({"fsync_p99_ms": 51.0}, "warn", "fsync", "SSD"),
        ({"fsync_p99_ms": 201.0}, "refuse", "fsync", "SSD"),
        ({"throttled": ["under-voltage"]}, "warn", "power", "supply"),
    ],
)
def test_each_shortcoming_is_found_alone_with_its_remedy(
    reading: dict[str, Any], level: str, subject: str, remedy: str
) -> None:
    [finding] = survey.judge(GOOD | reading, LIMITS)

    assert (finding["level"], finding["subject"]) == (level, subject)
    assert remedy in finding["remedy"]


def test_a_host_without_a_store_is_not_judged_by_its_disks_latency() -> None:
    assert survey.judge(GOOD | {"fsync_p99_ms": None}, LIMITS) == []


def test_the_firmwares_bits_are_read_as_words() -> None:
    assert survey.read_throttled(0x50005) == [
        "under-voltage",
        "throttled",
        "under-voltage since boot",
        "throttled since boot",
    ]


def test_only_listening_sockets_on_the_ports_asked_for_are_found() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:107E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n"
        "   1: 0100007F:107E 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n"
        "   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1\n"
    )

    assert survey.find_listeners([table], [4222, 8222]) == {4222: "111"}


def test_a_bare_host_has_nothing_of_bramble(tmp_path: Path) -> None:
    found = installed.list_installed(tmp_path / "opt", tmp_path / "etc", tmp_path / "system")

    assert {name: value for name, value in found.items() if value} == {}


def test_what_is_on_a_host_is_listed_without_a_word_of_what_is_secret(tmp_path: Path) -> None:
    root, config, units = (tmp_path / name for name in ("opt", "etc", "system"))
    good, half, environment = root / "releases/good", root / "releases/half", root / "environments/base"
    for directory in (good / "bin", half, environment, config, units):
        directory.mkdir(parents=True)
    for complete in (good, environment):
        (complete / "bundle.json").write_text("{}")
    (good / "bin/bramble-agent").touch()
    (good / "environment").symlink_to(environment)
    (root / "current").symlink_to(good)
    (config / "agent.nk").write_text("SUSECRET")
    (config / "notify.toml").write_text("password = 'secret'")
    (config / "agent.json").write_text("{}")
    (config / "nats-trust.conf").write_text("operator: ey…\nsystem_account: A\n")
    (units / "bramble-agent.service").write_text("[X-Bramble]\nRelease=good\n\n[Unit]\nDescription=Release=none\n")

    found = installed.list_installed(root, config, units)

    assert (found["current"], found["previous"]) == (str(good), "")
    assert found["releases"] == {str(good): str(environment), str(half): ""}
    assert found["complete"] == [str(good), str(environment)]
    assert found["programs"] == ["bramble-agent"]
    assert found["files"] == {
        "agent.json": hashlib.sha256(b"{}").hexdigest(), "agent.nk": "", "nats-trust.conf": "", "notify.toml": ""
    }  # fmt: skip
    assert found["operator"] == "operator: ey…"
    assert found["units"] == {"bramble-agent.service": {"Release": "good"}}


@given(st.text())
def test_whatever_a_unit_holds_its_own_section_is_words(text: str) -> None:
    assert all(name.isidentifier() or name.isalnum() for name in installed.read_unit(f"[X-Bramble]\n{text}"))


def test_only_what_differs_is_changed_and_only_on_demand_removed() -> None:
    found = {"kept": b"1", "old": b"1", "stranger": b"1"}
    wanted = {"kept": b"1", "old": b"2", "new": b"1"}

    changes = reconcile.plan("camera", wanted, found, remove=False)

    assert changes == [("add", "camera", "new"), ("change", "camera", "old")]
    assert reconcile.plan("camera", wanted, found, remove=True) == [*changes, ("remove", "camera", "stranger")]


def test_models_come_before_the_cameras_that_need_them_and_go_after() -> None:
    models = [reconcile.Change("add", "model", "a"), reconcile.Change("remove", "model", "b")]
    cameras = [reconcile.Change("remove", "camera", "c")]

    assert reconcile.order(models, cameras) == [models[0], cameras[0], models[1]]


@pytest.mark.parametrize(
    ("phase", "camera", "reason"),
    [
        ("preflight", {"camera": "door"}, "A camera lacks camera, url or models."),
        ("configure", {"camera": "door", "models": ["m"]}, "error: no NATS server answers"),
    ],
)
def test_a_cameras_password_is_in_no_output_of_a_run_that_tells_everything_and_fails(
    tmp_path: Path, phase: str, camera: dict[str, object], reason: str
) -> None:
    nowhere = tmp_path / "nowhere.json"
    nowhere.write_text('{"url": "nats://127.0.0.1:9"}')
    play = tmp_path / "play.yml"
    play.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
        f"    - ansible.builtin.include_role: {{name: {ROOT / 'roles/models'}, tasks_from: {phase}.yml}}\n"
    )
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({
        "models_context": str(nowhere), "models_python": sys.executable, "_models_tries": 1,
        "_models_context_file": str(nowhere),
        "models_cameras": [{"url": "rtsp://admin:T0P-S3CRET@cam/1", **camera}],
    }))  # fmt: skip
    command = [find_ansible(), "-vvv", play, "--extra-vars", f"@{settings}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)

    assert done.returncode == 2, done.stdout
    assert reason in done.stdout
    assert "T0P-S3CRET" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "unit", sorted(ROOT.glob("roles/*/templates/bramble-*.service.j2")), ids=lambda unit: unit.stem
)
def test_no_unit_leaves_a_core_file_with_what_it_had_in_memory(unit: Path) -> None:
    assert "\nLimitCORE=0\n" in unit.read_text()


def list_kubernetes(path: Path) -> subprocess.CompletedProcess[str]:
    command = [find_ansible().parent / "ansible-inventory", "-i", ROOT / "inventory/kubernetes/nodes.py", "--list"]
    environment = os.environ | {"BRAMBLE_KUBERNETES_NODES": str(path)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_labelled_nodes_of_kubernetes_become_hosts_of_ansible() -> None:
    done = list_kubernetes(ROOT / "tests/hosts/kubernetes_nodes.json")

    assert done.returncode == 0, done.stderr
    inventory = json.loads(done.stdout)
    hosts = inventory["_meta"]["hostvars"]
    assert {group: inventory[group]["hosts"] for group in ("agents", "brokers", "controllers")} == {
        "agents": ["rancher-1", "rancher-2.example.org"],
        "brokers": ["rancher-1"],
        "controllers": ["rancher-1"],
    }
    assert {name: host["ansible_host"] for name, host in hosts.items()} == {
        "rancher-1": "10.0.0.31",
        "rancher-2.example.org": "10.0.0.32",
    }
    zones = {name: host["kubernetes_labels"]["topology.kubernetes.io/zone"] for name, host in hosts.items()}
    assert zones == {"rancher-1": "attic", "rancher-2.example.org": "cellar"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("no JSON", "gave no JSON"), ("[]", "no list of nodes"), ('{"items": [{"kind": "Node"}]}', "no list of nodes")],
)
def test_what_is_no_list_of_nodes_ends_the_run_with_the_command_that_makes_one(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "nodes.json"
    path.write_text(text)

    done = list_kubernetes(path)

    assert done.returncode != 0
    assert reason in done.stderr
    assert "kubectl get nodes --output json" in " ".join(done.stderr.split())


def test_the_collections_playbooks_are_called_by_name(tmp_path: Path) -> None:
    tree, ansible = tmp_path / "tree", find_ansible().parent
    for name in ("playbooks", "roles", "meta"):
        shutil.copytree(ROOT / name, tree / name)
    for name in ("galaxy.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    environment = os.environ | {
        "PATH": f"{ansible}:{os.environ['PATH']}",
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
    }

    def run(*words: str | Path) -> None:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("ansible-galaxy", "collection", "build", "--output-path", tmp_path, tree)
    [built] = tmp_path.glob("bramble_edge-bramble-*.tar.gz")
    run("ansible-galaxy", "collection", "install", "--offline", built)
    names = [f"bramble_edge.bramble.{path.stem}" for path in sorted((ROOT / "playbooks").glob("*.yml"))]
    run("ansible-playbook", "--syntax-check", "--inventory", ROOT / "inventory/example", *names)


INVENTORY = """
bramble:
  vars: {{ansible_connection: local, ansible_become: false, ansible_python_interpreter: {python}}}
  children:
    brokers: {{hosts: {{{brokers}: }}}}
    controllers: {{hosts: {{here: }}}}
    agents:
      hosts: {{here: , there: , away: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: {port}}}}}
"""


def play_in_part(directory: Path, brokers: str) -> tuple[int, str]:
    """Run what site.yml does whatever is asked of it, with one host that does not answer; nothing is changed."""
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        text = INVENTORY.format(python=sys.executable, brokers=brokers, port=taken.getsockname()[1])
        (directory / "hosts.yml").write_text(text)
        command = [find_ansible(), "--inventory", directory / "hosts.yml", "site.yml", "--tags", "nothing_else"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, " ".join(done.stdout.split())


def test_a_host_that_does_not_answer_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    code, said = play_in_part(tmp_path, brokers="here")

    assert code != 0
    assert "Left out, for the reason above: away. The others go on." in said
    assert "with --limit away" in said
    assert "TASK [edge_agent" in said
    assert "TASK [models" in said


def test_without_its_server_a_run_ends_before_the_programs_and_says_why(tmp_path: Path) -> None:
    code, said = play_in_part(tmp_path, brokers="away")

    assert code != 0
    assert "The rest needs every server and one controller: away failed above." in said
    assert "TASK [controller" not in said
    assert "TASK [edge_agent" not in said
