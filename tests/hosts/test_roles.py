"""What the roles say of themselves, what they decide, and that nothing of it needs a host."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hosts.conftest import ROOT, find_ansible


def load(path: str) -> ModuleType:
    """Import a role's file, which is in no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


survey = load("roles/node_base/files/survey.py")
bundle = load("roles/release/files/build_bundle.py")
installed = load("roles/release/files/list_installed.py")
reconcile = load("roles/models/files/reconcile.py")

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


@pytest.mark.parametrize("text", ["armv7l-cp311-agent", "aarch64-cp311-", "aarch64-cp311-cook", "x86_64-agent", ""])
def test_a_kind_of_node_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(bundle.BundleError, match="is no target"):
        bundle.parse_target(text)


@given(
    machine=st.sampled_from(["aarch64", "x86_64"]),
    minor=st.integers(11, 14),
    parts=st.sets(st.sampled_from(["agent", "broker", "controller"]), min_size=1),
)
def test_a_kind_of_node_reads_back_as_it_was_written(machine: str, minor: int, parts: set[str]) -> None:
    target = bundle.Target(machine, (3, minor), tuple(sorted(parts)))

    assert bundle.parse_target(target.name) == target


@given(st.text())
def test_any_text_is_a_kind_of_node_or_refused(text: str) -> None:
    with contextlib.suppress(bundle.BundleError):
        assert set(bundle.parse_target(text).components) <= set(bundle.COMPONENTS)


def test_markers_are_held_against_the_nodes_python_and_not_this_one() -> None:
    lock = (
        "av==18.1.0 ; python_full_version < '3.12' and sys_platform == 'linux' \\\n    --hash=sha256:aa\n"
        "av==19.0.2 ; python_full_version >= '3.12' and sys_platform == 'linux' \\\n    --hash=sha256:bb\n"
    )

    assert bundle.select_requirements(lock, bundle.parse_target("aarch64-cp311-agent")) == {
        "av==18.1.0": "--hash=sha256:aa"
    }
    assert bundle.select_requirements(lock, bundle.parse_target("aarch64-cp313-agent")) == {
        "av==19.0.2": "--hash=sha256:bb"
    }


def test_a_requirement_without_a_hash_is_refused() -> None:
    with pytest.raises(bundle.BundleError, match="no hash"):
        bundle.select_requirements("numpy==2.4.6\n", bundle.parse_target("aarch64-cp311-agent"))


def test_a_wheel_is_fetched_once_for_all_kinds_of_node(tmp_path: Path) -> None:
    agent, broker = tmp_path / "x86_64-cp311-agent-1", tmp_path / "half"
    agent.mkdir()
    broker.mkdir()
    (agent / "fetched.lock").write_text("nats-py==2.16.0 --hash=sha256:aa\npip==26.3 --hash=sha256:bb\n")
    for name in ("nats_py-2.16.0-py3-none-any.whl", "pip-26.3-py3-none-any.whl"):
        (agent / name).write_text(name)
    (tmp_path / "x86_64-cp313-agent-1").mkdir()
    wanted = ["nats-py==2.16.0 --hash=sha256:aa", "pip==26.3 --hash=sha256:other", "av==18.1.0 --hash=sha256:cc"]

    siblings = bundle.list_siblings(tmp_path, bundle.parse_target("x86_64-cp311-agent+broker"))
    missing = bundle.share_wheels(wanted, siblings, broker)

    assert siblings == [agent]
    assert missing == wanted[1:]
    assert [path.name for path in broker.iterdir()] == ["nats_py-2.16.0-py3-none-any.whl"]


def test_a_release_is_named_by_all_that_goes_into_it() -> None:
    one = bundle.digest_release("0.1.0", [("a", b"x"), ("b", b"y")])

    assert one == bundle.digest_release("0.1.0", [("b", b"y"), ("a", b"x")])
    others = [bundle.digest_release("0.1.0", files) for files in ([("a", b"xb"), ("", b"y")], [("a", b"x")])]
    assert len({one, *others}) == 3


def test_packing_the_same_files_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    wheels = [tmp_path / "b.whl", tmp_path / "a.whl"]
    for wheel in wheels:
        wheel.write_bytes(b"wheel")

    bundle.pack({"bundle.json": b"{}"}, wheels, tmp_path / "one.tar")
    wheels[0].touch()
    bundle.pack({"bundle.json": b"{}"}, reversed(wheels), tmp_path / "two.tar")

    digests = {hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("one.tar", "two.tar")}
    assert len(digests) == 1


@given(times=st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), st.floats(0, 10)))
def test_of_each_kind_the_last_used_bundles_stay(times: dict[tuple[str, int], float]) -> None:
    found = {f"{kind}-{digest}": used for (kind, digest), used in times.items()}

    gone = bundle.list_superfluous(found.items(), ())

    for kind in "ab":
        names = {name for name in found if name.startswith(kind)}
        stay = names - set(gone)
        assert len(stay) == min(len(names), bundle.KEPT)
        assert all(found[one] >= found[other] for one in stay for other in names & set(gone))


def test_a_bundle_in_use_stays_however_old_it_is() -> None:
    found = [(f"a-{number}", float(number)) for number in range(9)]

    assert "a-0" not in bundle.list_superfluous(found, ["a-0"])


def test_a_bundle_that_would_write_elsewhere_is_refused(tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    command = [sys.executable, str(ROOT / "roles/release/files/install_bundle.py"), str(evil), str(tmp_path / "to")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "no plain file inside it" in done.stderr
    assert not (tmp_path.parent / "outside").exists()


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


def test_a_cameras_password_is_in_no_output_of_a_run_that_tells_everything_and_fails(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.json"
    nowhere.write_text('{"url": "nats://127.0.0.1:9"}')
    play = tmp_path / "play.yml"
    play.write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
        f"    - ansible.builtin.include_role: {{name: {ROOT / 'roles/models'}, tasks_from: configure.yml}}\n"
    )
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({
        "models_context": str(nowhere), "models_python": sys.executable, "_models_tries": 1,
        "_models_context_file": str(nowhere),
        "models_cameras": [{"camera": "door", "url": "rtsp://admin:T0P-S3CRET@cam/1", "models": ["m"]}],
    }))  # fmt: skip
    command = [find_ansible(), "-vvv", play, "--extra-vars", f"@{settings}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)

    assert done.returncode == 2, done.stdout
    assert "error: no NATS server answers" in done.stdout
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
