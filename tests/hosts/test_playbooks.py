"""The playbooks on three bare hosts, over ssh, in the order in which a site meets them."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.conftest import NODES, ROOT, Bed, Play, build_bundles

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900)]

UNITS = ("bramble-agent", "bramble-controller", "bramble-nats")
MAX_EXPOSURE = 2.0
PICTURE = ROOT / "roles/operator/files/picture.png"
NOTHING = dict.fromkeys(NODES, 0)
# Files, users, units and ports: all that a host has to show for itself. Logs, caches of systemd's own and the backups
# that useradd leaves of passwd and its kin come and go by themselves.
SNAPSHOT = r"""sh -c '
find /etc /opt /srv /usr/local /var/lib /var/cache /home -xdev \
  -not -path "/var/lib/systemd/*" -not -path "/etc/*-" -not -path "/home/pi/*" -not -path "/var/cache/ldconfig*" \
  -not -path "/etc/ssh/*" -not -path "/var/lib/private" -printf "%p %y %m %u %g\n" | sort
getent passwd; getent group
systemctl list-unit-files --no-legend --no-pager | grep -v transient | sort
ss -Hltn | awk "{print \$4}" | sort'"""


def take_snapshot(bed: Bed) -> dict[str, set[str]]:
    return {node: set(bed.ssh(node, SNAPSHOT).splitlines()) for node in NODES}


def find_differences(bed: Bed, before: dict[str, set[str]]) -> dict[str, list[str]]:
    """Return by node what has come (+) and gone (-) since."""
    after = take_snapshot(bed)
    return {
        node: [f"+ {line}" for line in sorted(after[node] - before[node])]
        + [f"- {line}" for line in sorted(before[node] - after[node])]
        for node in NODES
    }


@pytest.fixture(scope="module")
def before(bed: Bed) -> dict[str, set[str]]:
    return take_snapshot(bed)


@pytest.fixture(scope="module")
def installed(bed: Bed, before: dict[str, set[str]]) -> Play:
    assert set(before) == set(NODES)
    return bed.play("site.yml").expect_success()


def test_a_check_from_zero_runs_through_and_changes_nothing(bed: Bed, before: dict[str, set[str]]) -> None:
    bed.play("site.yml", "--check", "--diff").expect_success()

    assert find_differences(bed, before) == {node: [] for node in NODES}


def test_the_first_run_on_bare_hosts_succeeds(installed: Play) -> None:
    assert all(count > 0 for count in installed.changed.values())


def test_a_second_run_changes_nothing(bed: Bed, installed: Play) -> None:
    assert installed.code == 0

    again = bed.play("site.yml").expect_success()

    assert again.changed == NOTHING, again.output[-6000:]


@pytest.mark.usefixtures("installed")
def test_a_check_afterwards_would_change_nothing(bed: Bed) -> None:
    play = bed.play("site.yml", "--check", "--diff").expect_success()

    assert play.changed == NOTHING, play.output[-6000:]
    assert "\n+++ " not in play.output


@pytest.mark.usefixtures("installed")
def test_one_command_on_the_control_host_has_a_picture_answered(bed: Bed) -> None:
    done = bed.bramble("infer", str(PICTURE), "--model", "mobilenet_v2", "--context", "bed", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["nodes"][0] in NODES


@pytest.mark.usefixtures("installed")
def test_verify_has_every_node_answer_and_changes_nothing(bed: Bed) -> None:
    play = bed.play("playbooks/verify.yml").expect_success()

    assert all(f"{node}: " in play.output for node in NODES)
    assert play.changed == NOTHING


@pytest.mark.usefixtures("installed")
def test_the_real_nats_command_lists_the_service_with_the_operators_context(bed: Bed) -> None:
    command = ROOT / ".tools/bin/nats"
    if not command.exists():
        pytest.skip("the nats command is not built: make nats-cli, which takes Go")

    done = bed.run(str(command), "--context", "bed", "micro", "ls")

    assert done.returncode == 0, done.stderr
    assert "bramble" in done.stdout


@pytest.mark.usefixtures("installed")
def test_every_unit_is_hardly_exposed(bed: Bed) -> None:
    found = {unit: json.loads(bed.ssh("node1", _ASSESS.format(unit=unit)) or "[]") for unit in UNITS}
    policy = f"systemd-analyze security --offline=true --threshold={MAX_EXPOSURE * 10:.0f} --no-pager"

    for unit in UNITS:
        assert found[unit], f"{unit} was not assessed"
        bed.ssh("node1", f"{policy} /etc/systemd/system/{unit}.service")


_ASSESS = "systemd-analyze security --offline=true --json=short --no-pager /etc/systemd/system/{unit}.service"


@pytest.mark.usefixtures("installed")
def test_no_password_is_readable_by_others_or_in_a_command_line(bed: Bed, installed: Play) -> None:
    password = bed.ssh("node1", "cat /etc/bramble/password").strip()

    assert len(password) == 40
    assert password not in bed.ssh("node1", 'sh -c \'cat /proc/[0-9]*/cmdline | tr "\\0" " "\'')
    assert password not in installed.output
    readable = bed.ssh("node1", "runuser -u nobody -- sh -c 'cat /etc/bramble/* 2>/dev/null | wc -c'")
    assert readable.strip() == "0"


@pytest.mark.usefixtures("installed")
def test_cameras_are_added_changed_and_removed_as_they_are_declared(bed: Bed) -> None:
    def declare(*cameras: dict[str, object]) -> int:
        variables = json.dumps({"models_cameras": cameras, "models_remove_others": True})
        play = bed.play("playbooks/site.yml", "--tags", "models", "--extra-vars", variables).expect_success()
        return play.changed["node1"]

    door: dict[str, object] = {"camera": "door", "url": "push:", "models": ["mobilenet_v2"]}

    assert declare(door) == 1
    assert declare(door) == 0
    assert declare(door | {"fps": 2}) == 1
    assert declare() == 1
    assert bed.bramble("camera", "list", "--context", "bed", "--json").stdout == ""


@pytest.mark.usefixtures("installed")
def test_a_broken_release_goes_back_at_the_first_node_and_names_it(bed: Bed, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(bed.tree, tree)
    agent = tree / "edge_agent/agent.py"
    agent.write_text(
        agent.read_text() + "\n\nasync def run_agent(settings: Settings) -> None:\n    raise BusError('broken')\n"
    )
    build_bundles(tree)
    good = {node: bed.ssh(node, "readlink /opt/bramble/current").strip() for node in NODES}

    play = bed.play("playbooks/upgrade.yml", tree=tree)

    assert play.code != 0
    assert "node1 went back to" in play.output
    assert {node: bed.ssh(node, "readlink /opt/bramble/current").strip() for node in NODES} == good
    bed.play("playbooks/verify.yml").expect_success()


@pytest.mark.usefixtures("installed")
def test_an_upgrade_under_a_stream_of_pictures_loses_none(bed: Bed, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(bed.tree, tree)
    (tree / "edge_agent/__init__.py").write_text('"""A later release."""\n')
    build_bundles(tree)
    old = {node: bed.ssh(node, "readlink /opt/bramble/current").strip() for node in NODES}

    stream = asyncio.run(_ask_meanwhile(bed, tree))

    stream.play.expect_success()
    assert stream.failed == []
    assert stream.answered > 0
    assert stream.fewest_serving >= len(NODES) - 1
    new = {node: bed.ssh(node, "readlink /opt/bramble/current").strip() for node in NODES}
    assert all(new[node] != old[node] for node in NODES)


@dataclass(frozen=True)
class Stream:
    """What became of the pictures that were asked about while a playbook ran."""

    play: Play
    answered: int
    failed: list[str]
    fewest_serving: int


async def _ask_meanwhile(bed: Bed, tree: Path) -> Stream:
    """Ask about pictures without a pause for as long as an upgrade takes.

    A lone controller is away for the moment of its own restart: a picture that nobody took then is asked about again.
    """
    playing = asyncio.create_task(asyncio.to_thread(bed.play, "playbooks/upgrade.yml", tree=tree))
    failed, answered, serving = [], 0, [len(NODES)]
    while not playing.done():
        done = await asyncio.to_thread(
            bed.bramble, "infer", *[str(PICTURE)] * 20, "--model", "mobilenet_v2", "--context", "bed", "--json",
            "--in-flight", "2", "--deadline-ms", "10000",
        )  # fmt: skip
        outcomes = [json.loads(line) for line in done.stdout.splitlines()]
        failed += [json.dumps(each) for each in outcomes if "error" in each.get("result", each) and not _untaken(each)]
        answered += sum("result" in each for each in outcomes)
        status = await asyncio.to_thread(bed.bramble, "status", "--context", "bed", "--json")
        nodes = json.loads(status.stdout)["nodes"] if status.returncode == 0 else []
        if len(nodes) == len(NODES):  # a controller that has just started has not heard of every node yet
            serving += [sum(_serves(node) for node in nodes)]
    return Stream(await playing, answered, failed, min(serving))


def _untaken(outcome: dict[str, dict[str, str]]) -> bool:
    return "no controller does" in outcome.get("error", {}).get("message", "")


def _serves(node: dict[str, Any]) -> bool:
    beat = node["heartbeat"]
    ready = any(report["state"] == "ready" for report in beat.get("shards", ()))
    return node["liveness"] == "live" and not beat.get("draining") and ready


@pytest.mark.usefixtures("installed")
def test_a_backup_brings_back_what_a_reset_has_deleted(bed: Bed, before: dict[str, set[str]], tmp_path: Path) -> None:
    added = bed.bramble("camera", "add", "yard", "push:", "--model", "mobilenet_v2", "--context", "bed")
    assert added.returncode == 0, added.stderr
    secret = bed.ssh("node2", "cat /etc/bramble/password")
    where = ("--extra-vars", json.dumps({"backup_dir": str(tmp_path / "backup")}))

    bed.play("playbooks/backup.yml", *where).expect_success()
    bed.play("playbooks/reset.yml", "--extra-vars", "reset_confirm=yes").expect_success()

    assert find_differences(bed, before) == {node: [] for node in NODES}

    bed.play("site.yml").expect_success()
    bed.play("playbooks/restore.yml", *where).expect_success()

    assert bed.ssh("node2", "cat /etc/bramble/password") == secret
    cameras = bed.bramble("camera", "list", "--context", "bed", "--json").stdout
    assert [json.loads(line)["camera"] for line in cameras.splitlines()] == ["yard"]
    bed.play("playbooks/verify.yml").expect_success()
