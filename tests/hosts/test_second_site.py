"""Three servers and a leaf of theirs, on five booted nodes, one of which reaches the leaf alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.access.certificates import create_ca
from tests.hosts.bed import find_leftovers
from tests.hosts.conftest import (
    MORE_SERVERS,
    NODES,
    ROOT,
    Bed,
    Play,
    Supplies,
    boot_bed,
    build_bundles,
    node_address,
    wait_for,
)
from tests.hosts.observed import CONNECTIONS, find_live, list_users
from tests.hosts.traffic import PICTURE

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(900)]

LEAF, BEHIND = "node4", "node5"
SITES = tuple(
    word
    for name in ("three_servers.yml", "second_site.yml")
    for word in ("--inventory", str(ROOT / "tests/hosts" / name))
)
KINDS = (*MORE_SERVERS, "x86_64-cp311-broker")
REVOKED_S = 5
PEERS = "ss -Htn state established '( dport = :4222 or dport = :7422 )'"


@pytest.fixture(scope="module")
def bed(supplies: Supplies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    state = tmp_path_factory.mktemp("bed")
    with boot_bed(state, "--nodes", "5") as process:
        yield Bed(process, state, supplies.tree, supplies.library, (*NODES, LEAF, BEHIND))
    assert find_leftovers(state) == []


@pytest.fixture(scope="module")
def installed(bed: Bed) -> Play:
    for node in NODES:
        bed.ssh(BEHIND, f"ip route add unreachable {node_address(node)}")
    build_bundles(bed.tree, KINDS)
    return bed.play("site.yml", *SITES).expect_success()


def list_peers(bed: Bed, node: str) -> set[str]:
    """Return the servers that a node's programs are connected to, as address:port."""
    return {line.split()[-1] for line in bed.ssh(node, PEERS).splitlines()}


def verify(bed: Bed) -> str:
    return bed.play("playbooks/verify.yml", *SITES).expect_success().output


def test_a_second_run_changes_nothing(bed: Bed, installed: Play) -> None:
    assert installed.code == 0

    again = bed.play("site.yml", *SITES).expect_success()

    assert again.changed == dict.fromkeys(bed.nodes, 0), again.output[-6000:]


@pytest.mark.usefixtures("installed")
def test_an_agent_that_reaches_the_leaf_alone_answers_a_picture_asked_at_the_brokers(bed: Bed) -> None:
    assert list_peers(bed, BEHIND) == {f"{node_address(LEAF)}:4222"}

    assert f"{BEHIND}: " in verify(bed)


@pytest.mark.usefixtures("installed")
def test_the_leaf_is_connected_to_one_of_the_three_servers_so_that_nothing_crosses_twice(bed: Bed) -> None:
    [peer] = list_peers(bed, LEAF)

    assert peer in {f"{node_address(node)}:7422" for node in NODES}
    results = bed.bramble("infer", str(PICTURE), "--model", "mobilenet_v2", "--context", "bed", "--json")
    assert len(results.stdout.splitlines()) == 1, results.stderr


@pytest.mark.usefixtures("installed")
def test_a_leaf_that_trusts_another_authority_does_not_join_and_the_run_says_so(bed: Bed, tmp_path: Path) -> None:
    trusting = {"nats_server_leaf_ca": str(create_ca(tmp_path, "elsewhere")), "nats_server_ready_s": 5}

    play = bed.play("site.yml", *SITES, "--tags", "nats_server", "--extra-vars", json.dumps(trusting))

    assert play.code != 0
    said = " ".join(play.output.split())
    assert "The leaf has not joined" in said
    assert "unknown authority" in said
    bed.play("site.yml", *SITES, "--tags", "nats_server").expect_success()
    wait_for("the site is back", lambda: find_live(bed) == {*NODES, BEHIND})


@pytest.mark.usefixtures("installed")
def test_every_key_is_changed_and_both_sites_go_on(bed: Bed) -> None:
    bed.play("playbooks/rotate.yml", *SITES).expect_success()

    assert f"{BEHIND}: " in verify(bed)
    assert [user["name"] for user in list_users(bed) if not user["revoked_at"]].count(f"leaf-{LEAF}") == 1


# The last one: an agent of the second site is gone after it.
@pytest.mark.usefixtures("installed")
def test_who_is_shut_out_is_out_at_the_leaf_within_seconds(bed: Bed) -> None:
    with bed.follow(LEAF, CONNECTIONS.format(address=node_address(BEHIND))) as connections:
        assert next(connections) == "there"
        revoked = bed.bramble("access", "revoke", BEHIND, "--access", str(bed.access))
        assert revoked.returncode == 0, revoked.stderr
        gone = float(next(connections))

    [decided] = [user["revoked_at"] for user in list_users(bed) if user["name"] == BEHIND]
    assert gone - decided <= REVOKED_S
    wait_for("it is not live", lambda: find_live(bed) == set(NODES))
