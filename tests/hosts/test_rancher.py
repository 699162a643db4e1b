"""Hosts out of a Kubernetes cluster's nodes: labelled by the real kubectl, at a real API server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.conftest import ROOT, find_ansible
from tests.hosts.kubernetes import PROGRAMS, TOOLS, Kubernetes, serve

pytestmark = [pytest.mark.rancher, pytest.mark.timeout(300)]

ADDRESSES = {"rancher-1": "10.77.0.11", "rancher-2": "10.77.0.12", "rancher-3": "10.77.0.13"}
ZONE = "topology.kubernetes.io/zone"


def describe_node(name: str, address: str) -> dict[str, Any]:
    """Return what a kubelet says of its node when it joins."""
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name, ZONE: "attic"}
    addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"addresses": addresses},
    }


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubernetes]:
    missing = [program for program in PROGRAMS if not (TOOLS / program).exists()]
    assert missing == [], f"{TOOLS} lacks {missing}; make test-rancher builds them"
    with serve(tmp_path_factory.mktemp("kubernetes")) as running:
        nodes = [describe_node(name, address) for name, address in ADDRESSES.items()]
        manifest = {"apiVersion": "v1", "kind": "List", "items": nodes}
        running.kubectl("create", "--filename", "-", data=json.dumps(manifest))
        yield running


@pytest.fixture
def labelled(kubernetes: Kubernetes) -> Iterator[Kubernetes]:
    """Two of the three nodes labelled, as the inventory's own words tell; no label afterwards."""
    kubernetes.kubectl("label", "node", "rancher-1", "rancher-2", "bramble/agents=true")
    kubernetes.kubectl("label", "node", "rancher-1", "bramble/brokers=true", "bramble/controllers=true")
    yield kubernetes
    kubernetes.kubectl("label", "node", "--all", "bramble/agents-", "bramble/brokers-", "bramble/controllers-")


def list_inventory(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [find_ansible().parent / "ansible-inventory", "-i", ROOT / "inventory/kubernetes/nodes.py", "--list"]
    return subprocess.run(
        command, cwd=ROOT, env={**environment}, capture_output=True, text=True, check=False, timeout=60
    )


def read_inventory(environment: Mapping[str, str]) -> dict[str, Any]:
    done = list_inventory(environment)
    assert done.returncode == 0, done.stderr
    inventory: dict[str, Any] = json.loads(done.stdout)
    return inventory


def test_labels_given_by_kubectl_put_nodes_into_groups_with_their_addresses_and_all_their_labels(
    labelled: Kubernetes,
) -> None:
    inventory = read_inventory(labelled.environment())

    assert {group: inventory[group]["hosts"] for group in ("agents", "brokers", "controllers")} == {
        "agents": ["rancher-1", "rancher-2"],
        "brokers": ["rancher-1"],
        "controllers": ["rancher-1"],
    }
    hosts = inventory["_meta"]["hostvars"]
    assert {name: host["ansible_host"] for name, host in hosts.items()} == {
        name: ADDRESSES[name] for name in ("rancher-1", "rancher-2")
    }
    assert {host["kubernetes_labels"][ZONE] for host in hosts.values()} == {"attic"}


def test_a_label_that_is_taken_away_takes_the_host_out(labelled: Kubernetes) -> None:
    labelled.kubectl("label", "node", "rancher-2", "bramble/agents-")

    assert read_inventory(labelled.environment())["agents"]["hosts"] == ["rancher-1"]


def test_a_label_with_another_value_is_no_invitation(labelled: Kubernetes) -> None:
    labelled.kubectl("label", "node", "rancher-2", "--overwrite", "bramble/agents=false")

    assert read_inventory(labelled.environment())["agents"]["hosts"] == ["rancher-1"]


def test_the_file_for_hosts_without_kubectl_says_the_same(labelled: Kubernetes, tmp_path: Path) -> None:
    nodes = tmp_path / "nodes.json"
    nodes.write_text(labelled.kubectl("get", "nodes", "--output", "json"))

    from_file = read_inventory({"PATH": "/usr/bin:/bin", "BRAMBLE_KUBERNETES_NODES": str(nodes)})

    assert from_file == read_inventory(labelled.environment())


def test_somebody_who_may_not_list_nodes_is_told_so_by_the_servers_own_words(kubernetes: Kubernetes) -> None:
    done = list_inventory(kubernetes.environment("guest"))

    assert done.returncode != 0
    assert 'User "guest" cannot list resource "nodes"' in " ".join(done.stderr.split())


def test_a_server_that_is_gone_ends_the_run_with_kubectls_own_words(kubernetes: Kubernetes, tmp_path: Path) -> None:
    config = json.loads((kubernetes.directory / "admin.json").read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "gone.json").write_text(json.dumps(config))

    done = list_inventory(kubernetes.environment() | {"KUBECONFIG": str(tmp_path / "gone.json")})

    assert done.returncode != 0
    assert "kubectl ended with 1: " in done.stderr
    assert "refused" in done.stderr
