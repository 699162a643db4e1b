#!/usr/bin/env python3
"""An inventory out of a Rancher (k3s, RKE2) cluster's own nodes: those that carry a label become hosts of Bramble.

    kubectl label node rancher-1 bramble/agents=true
    ansible-playbook -i inventory/mine -i inventory/kubernetes/nodes.py site.yml

    kubectl get nodes --output json > nodes.json        # where the control host has no kubectl
    BRAMBLE_KUBERNETES_NODES=nodes.json ansible-playbook -i inventory/mine -i inventory/kubernetes/nodes.py site.yml

The labels ``bramble/agents``, ``bramble/brokers`` and ``bramble/controllers`` with the value ``true`` put a node into
the group of that name; all its labels are in the host's variable ``kubernetes_labels``. kubectl's own configuration
says which cluster is meant.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GROUPS = ("agents", "brokers", "controllers")
PREFIX = "bramble/"
ASK_S = 30
FILE = "BRAMBLE_KUBERNETES_NODES"
"""Names a file with kubectl's answer, for control hosts without kubectl."""


class NodesError(Exception):
    """The nodes could not be read; the message says what to do."""


def build_inventory(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ansible's inventory for what ``kubectl get nodes --output json`` said (a v1 List or NodeList).

    Raises:
        NodesError: it is anything else.

    """
    inventory: dict[str, Any] = {group: {"hosts": []} for group in GROUPS}
    variables: dict[str, dict[str, Any]] = {}
    try:
        for node in nodes["items"]:
            name, labels = node["metadata"]["name"], dict(node["metadata"].get("labels") or {})
            chosen = [group for group in GROUPS if labels.get(PREFIX + group) == "true"]
            for group in chosen:
                inventory[group]["hosts"].append(name)
            if chosen:
                variables[name] = {"ansible_host": _find_address(node, name), "kubernetes_labels": labels}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NodesError(f"this is no list of nodes: {error!r}. Remedy: kubectl get nodes --output json") from error
    inventory["bramble"] = {"children": list(GROUPS)}
    inventory["_meta"] = {"hostvars": variables}
    return inventory


def _find_address(node: Mapping[str, Any], name: str) -> str:
    """Return a node's first address inside its network, which is of the cluster's primary family."""
    addresses = node.get("status", {}).get("addresses") or ()
    return next((str(each["address"]) for each in addresses if each["type"] == "InternalIP"), name)


def read_nodes() -> dict[str, Any]:
    """Return the nodes out of the file named in the environment, or as kubectl has them.

    Raises:
        NodesError: there is no such file, or kubectl failed.

    """
    path = os.environ.get(FILE)
    try:
        text = Path(path).read_text("utf-8") if path else _ask_kubectl()
        nodes: dict[str, Any] = json.loads(text)
    except OSError as error:
        raise NodesError(f"{path}: {error.strerror}. Remedy: set {FILE} to a file, or unset it") from error
    except ValueError as error:
        raise NodesError(
            f"{path or 'kubectl'} gave no JSON: {error}. Remedy: kubectl get nodes --output json"
        ) from error
    return nodes


def _ask_kubectl() -> str:
    command = ["kubectl", "get", "nodes", "--output", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodesError(f"kubectl: {error}. Remedy: install kubectl and set KUBECONFIG, or set {FILE}") from error
    if done.returncode:
        raise NodesError(f"kubectl ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Answer ansible's ``--list``; everything is in ``_meta``, so ``--host`` is never asked."""
    try:
        print(json.dumps(build_inventory(read_nodes())))  # noqa: T201 - the answer
    except NodesError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
