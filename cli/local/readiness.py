"""When a local cluster is ready, decided from its status alone."""

from __future__ import annotations

from collections.abc import Sequence

from wire.errors import ModelRejectedError
from wire.messages import ShardState
from wire.status import ClusterStatus


def list_missing(status: ClusterStatus, *, nodes: Sequence[str], models: Sequence[str]) -> list[str]:
    """Return what is still awaited, in words; empty when every node serves all that it was given.

    Raises:
        ModelRejectedError: a node refused a model; waiting would not help.

    """
    live = {node.node: node.heartbeat.shards for node in status.nodes if node.liveness == "live"}
    awaited: dict[str, list[str]] = {}
    for name in nodes:
        if name not in live:
            awaited.setdefault("a first word from", []).append(name)
        elif models and not live[name]:
            awaited.setdefault("an assignment for", []).append(name)
        for report in live.get(name, ()):
            if report.state is ShardState.REJECTED:
                raise ModelRejectedError(f"{name} rejected {report.shard.model}: {report.reason}")
            if report.state is not ShardState.READY:
                awaited.setdefault(f"{report.shard.model} ({report.state}) on", []).append(name)
    if not awaited:  # otherwise it goes without saying
        served = {model.model for model in status.models if model.nodes_ready}
        awaited = {"a node to serve": unserved} if (unserved := [each for each in models if each not in served]) else {}
    return [f"{what} {', '.join(names)}" for what, names in awaited.items()]
