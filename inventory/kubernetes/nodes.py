#!/usr/bin/env python3
"""An inventory out of a Rancher (k3s, RKE2) cluster's own nodes: those that carry a label become hosts of Bramble.

    kubectl label node rancher-1 bramble/agents=true
    ansible-playbook -i inventory/mine -i inventory/kubernetes/nodes.py site.yml

The labels ``bramble/agents``, ``bramble/brokers`` and ``bramble/controllers`` with the value ``true`` put a node into
the group of that name; all its labels are in the host's variable ``kubernetes_labels``. kubectl's own configuration
says which cluster is meant.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

GROUPS = ("agents", "brokers", "controllers")
PREFIX = "bramble/"
ASK_S = 30


def build_inventory(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ansible's inventory for what ``kubectl get nodes --output json`` said."""
    inventory: dict[str, Any] = {group: {"hosts": []} for group in GROUPS}
    variables: dict[str, dict[str, Any]] = {}
    for node in nodes["items"]:
        name, labels = node["metadata"]["name"], node["metadata"].get("labels", {})
        chosen = [group for group in GROUPS if labels.get(PREFIX + group) == "true"]
        for group in chosen:
            inventory[group]["hosts"].append(name)
        addresses = {each["type"]: each["address"] for each in node["status"].get("addresses", ())}
        if chosen:
            variables[name] = {
                "ansible_host": addresses.get("InternalIP", name),
                "kubernetes_labels": labels,
            }
    inventory["bramble"] = {"children": list(GROUPS)}
    inventory["_meta"] = {"hostvars": variables}
    return inventory


def main() -> None:
    """Answer ansible's ``--list``; everything is in ``_meta``, so ``--host`` is never asked."""
    command = ["kubectl", "get", "nodes", "--output", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"error: kubectl: {error}. Remedy: install kubectl and set KUBECONFIG")
    if done.returncode:
        sys.exit(f"error: kubectl ended with {done.returncode}: {done.stderr.strip()}")
    print(json.dumps(build_inventory(json.loads(done.stdout))))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
