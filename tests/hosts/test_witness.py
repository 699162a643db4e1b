"""Three booted servers, two with a witness: what they refuse is on the record, whatever is done with the hosts."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.conftest import (
    MORE_SERVERS,
    NODES,
    PYTHON,
    ROOT,
    TARGETS,
    Bed,
    Play,
    build_bundles,
    make_later_release,
    node_address,
    wait_for,
)
from tests.hosts.meanwhile import making_traffic, play_under_traffic
from tests.hosts.observed import collect_secrets, find_differences, list_users, read_record, take_snapshot
from tests.hosts.test_playbooks import ASSESS, POLICY, REVOKED_S
from tests.hosts.test_tls import CLIENTS, ROUTES, SERVERS, knock

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(900)]

WATCHED = ("node2", "node3")
"""Who has a witness; node1 has the controller."""

SECOND_CONTROLLER = (*SERVERS, "--inventory", str(ROOT / "tests/hosts/second_controller.yml"))
UNIT = "bramble-witness.service"
UNAVAILABLE = 3  # the exit code of `bramble` where the cluster cannot be reached
TRESPASS = """import asyncio, sys, msgspec
from wire.bus import Link
from wire.context import load_context
async def trespass(name, url, subject):
    link = await Link.open(msgspec.structs.replace(load_context(name), url=url), name="trespasser")
    await link.publish(subject, b"{}")
    await link.flush()
    await link.close()
asyncio.run(trespass(*sys.argv[1:]))"""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def before(bed: Bed) -> dict[str, set[str]]:
    return take_snapshot(bed)


@pytest.fixture(scope="module")
def installed(bed: Bed, before: dict[str, set[str]]) -> Play:
    assert set(before) == set(NODES)
    build_bundles(bed.tree, MORE_SERVERS)
    return bed.play("site.yml", *SERVERS).expect_success()


def server_url(node: str) -> str:
    return f"tls://{node_address(node)}:{CLIENTS}"


def trespass(bed: Bed, node: str, subject: str) -> None:
    done = bed.run(*PYTHON, "-c", TRESPASS, "bed", server_url(node), subject)
    assert done.returncode == 0, done.stderr


def find_teller(bed: Bed, node: str) -> str:
    """Do what a server refuses; return who told of it once it is on the record, where it must be once."""
    subject = f"node.nobody-{next(_numbers)}.heartbeat"
    trespass(bed, node, subject)

    found: list[dict[str, Any]] = []

    def is_told() -> bool:
        found[:] = [deed for deed in read_record(bed, "access.publish") if deed["target"] == subject]
        return found != []

    wait_for(f"what {node} refused is on the record", is_told)
    [deed] = found
    assert (deed["who"], deed["outcome"]) == ("operator", "refused")
    return str(deed.get("witness", ""))


def expect_all_watched(bed: Bed) -> None:
    """Fail the test where a server's refusals do not reach the record, or the record is not whole."""
    tellers = {node: find_teller(bed, node) for node in NODES}
    assert tellers == {"node1": "", "node2": "witness-node2", "node3": "witness-node3"}
    expect_whole(bed)


def expect_whole(bed: Bed, *options: str) -> None:
    found: list[subprocess.CompletedProcess[str]] = []

    def is_read() -> bool:
        found.append(bed.bramble("audit", "--verify", "--context", "bed", *options))
        return found[-1].returncode != UNAVAILABLE  # servers that were restarted look for a leader

    wait_for("the record can be read", is_read)
    assert found[-1].returncode == 0, found[-1].stdout + found[-1].stderr


def read_seed(bed: Bed, node: str) -> str:
    return bed.ssh(node, "cat /etc/bramble/witness.nk")


def find_started(bed: Bed) -> dict[str, tuple[str, str]]:
    """Return the release that each witness was started from, and its process."""
    show = f"sh -c 'grep ^Release= /etc/systemd/system/{UNIT}; systemctl show --property MainPID --value {UNIT}'"
    return {node: (found[0], found[1]) for node in WATCHED if (found := bed.ssh(node, show).split())}


def list_good(bed: Bed, name: str) -> list[str]:
    """Return the keys of that name that are good."""
    return [user["public_key"] for user in list_users(bed) if user["name"] == name and not user["revoked_at"]]


def find_traces(bed: Bed, node: str, program: str) -> list[str]:
    """Return what is left of a program on a host: files, and what systemd knows of its unit."""
    look = f"find /etc/bramble /etc/systemd/system /var/lib -maxdepth 2 -name '*{program}*'"
    unit = f"systemctl list-units --all --no-legend --plain 'bramble-{program}*'"
    return bed.ssh(node, look).split() + bed.ssh(node, unit).split()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("node", WATCHED)
def test_who_is_refused_by_a_server_without_a_controller_is_on_the_record(bed: Bed, node: str) -> None:
    knock(bed, node, CLIENTS)
    knock(bed, node, ROUTES, "--silent")

    def find_details() -> str:
        deeds = read_record(bed, "access.connect")
        return " ".join(deed["detail"] for deed in deeds if deed.get("witness") == f"witness-{node}")

    for detail in ("TLS Handshake Failure", "TLS handshake error", "TLS route handshake error"):
        wait_for(f"{detail} at {node} is on the record", lambda wanted=detail: wanted in find_details())
    expect_whole(bed)


@pytest.mark.usefixtures("installed")
def test_whom_the_first_run_let_in_is_on_the_record(bed: Bed) -> None:
    let_in = {deed["target"]: deed["detail"] for deed in read_record(bed, "access.add")}

    assert let_in.keys() >= {"operator", "controller-node1", *NODES, *(f"witness-{node}" for node in WATCHED)}
    assert let_in["witness-node2"].startswith("as witness")


@pytest.mark.usefixtures("installed")
def test_a_witness_may_read_the_servers_log_and_little_else(bed: Bed) -> None:
    found = {node: json.loads(bed.ssh(node, ASSESS.format(unit="bramble-witness")) or "[]") for node in WATCHED}
    assert all(found.values())
    for node in found:
        bed.ssh(node, POLICY.format(unit="bramble-witness"))
    stat = bed.ssh("node2", "stat --format='%a %U %G' /var/log/bramble-nats/server.log").strip()
    assert stat == "640 bramble bramble-log"
    assert find_traces(bed, "node1", "witness") == [], "its controller does it"


@pytest.mark.usefixtures("installed")
def test_who_is_shut_out_is_out_at_all_servers_within_seconds_and_no_frame_is_lost(bed: Bed, tmp_path: Path) -> None:
    context = tmp_path / "ann.json"
    known = ("--access", str(bed.access))
    added = bed.bramble("access", "add", "ann", "--role", "viewer", *known, "--out", str(context))
    assert added.returncode == 0, added.stderr
    servers = [server_url(node) for node in NODES]

    holding = bed.listen(*PYTHON, "-m", "tests.hosts.hold", str(context), *servers)
    with making_traffic(bed, "revocation") as finish, holding as told:
        assert next(told) == "there"
        revoked = bed.bramble("access", "revoke", "ann", *known)
        assert revoked.returncode == 0, revoked.stderr
        gone: dict[str, float] = json.loads(next(told))
        meanwhile = finish(revoked.stdout)

    [decided] = [user["revoked_at"] for user in list_users(bed) if user["name"] == "ann"]
    assert {url: after - decided <= REVOKED_S for url, after in gone.items()} == dict.fromkeys(servers, True), gone
    meanwhile.expect_nothing_lost()
    assert meanwhile.again == {}
    for node in NODES:
        again = bed.run(*PYTHON, "-c", TRESPASS, str(context), server_url(node), "x")
        assert again.returncode != 0
        assert "refused this user" in again.stderr
    assert [deed["target"] for deed in read_record(bed, "access.revoke")] == ["ann"]


@pytest.mark.usefixtures("installed")
def test_keys_are_changed_under_a_stream_of_frames_and_each_witness_goes_on_with_its_new_one(bed: Bed) -> None:
    old = {node: read_seed(bed, node) for node in WATCHED}
    good = {node: list_good(bed, f"witness-{node}") for node in WATCHED}

    play, meanwhile = play_under_traffic(bed, "playbooks/rotate.yml", *SERVERS)

    play.expect_success()
    meanwhile.expect_nothing_lost()
    assert meanwhile.fewest_serving == len(NODES) - 1
    assert all(read_seed(bed, node) != old[node] for node in WATCHED)
    now = {node: list_good(bed, f"witness-{node}") for node in WATCHED}
    assert all(len(now[node]) == 1 and now[node] != good[node] for node in WATCHED)
    expect_all_watched(bed)
    shut_out = [deed["target"] for deed in read_record(bed, "access.revoke")]
    assert {*shut_out} >= {"controller-node1", *NODES, *(f"witness-{node}" for node in WATCHED)}


@pytest.mark.usefixtures("installed")
def test_an_upgrade_under_a_stream_of_frames_brings_each_witness_its_release(bed: Bed, tmp_path: Path) -> None:
    tree = make_later_release(bed, tmp_path, "A release for witnesses.", (*TARGETS, *MORE_SERVERS))
    old = find_started(bed)

    play, meanwhile = play_under_traffic(bed, "playbooks/upgrade.yml", *SERVERS, tree=tree)

    play.expect_success()
    meanwhile.expect_nothing_lost()
    assert meanwhile.fewest_serving == len(NODES) - 1
    new = find_started(bed)
    for node in WATCHED:
        assert new[node][0] != old[node][0]
        assert new[node][1] != old[node][1]
        assert bed.ssh(node, "readlink /opt/bramble/current").strip().endswith(new[node][0].removeprefix("Release="))
    expect_all_watched(bed)


@pytest.mark.usefixtures("installed")
def test_a_witness_goes_when_a_controller_comes_to_its_host_and_comes_when_it_goes(bed: Bed) -> None:
    [witness] = list_good(bed, "witness-node2")

    bed.play("site.yml", *SECOND_CONTROLLER).expect_success()

    assert find_traces(bed, "node2", "witness") == []
    assert list_good(bed, "witness-node2") == []
    assert {node: find_teller(bed, node) for node in NODES} == {"node1": "", "node2": "", "node3": "witness-node3"}
    again = bed.play("site.yml", *SECOND_CONTROLLER).expect_success()
    assert again.changed == dict.fromkeys(NODES, 0), again.output[-6000:]

    bed.play("site.yml", *SERVERS).expect_success()

    assert find_traces(bed, "node2", "controller") == []
    assert list_good(bed, "controller-node2") == []
    [back] = list_good(bed, "witness-node2")
    assert back != witness
    expect_all_watched(bed)
    again = bed.play("site.yml", *SERVERS).expect_success()
    assert again.changed == dict.fromkeys(NODES, 0), again.output[-6000:]


@pytest.mark.usefixtures("installed")
def test_a_reset_leaves_nothing_of_a_witness_and_a_backup_brings_it_back(
    bed: Bed, before: dict[str, set[str]], tmp_path: Path
) -> None:
    expect_all_watched(bed)
    secrets = collect_secrets(bed)
    known = json.loads(bed.bramble("audit", "--verify", "--context", "bed", "--json").stdout)
    where = ("--extra-vars", json.dumps({"backup_dir": str(tmp_path / "backup")}))

    bed.play("playbooks/backup.yml", *SERVERS, *where).expect_success()
    bed.play("playbooks/reset.yml", *SERVERS, "--extra-vars", "reset_confirm=yes").expect_success()

    assert find_differences(bed, before) == {node: [] for node in NODES}

    bed.play("site.yml", *SERVERS).expect_success()
    bed.play("playbooks/restore.yml", *SERVERS, *where).expect_success()

    assert collect_secrets(bed) == secrets
    expect_whole(bed, "--expect", known["head"])
    expect_all_watched(bed)
