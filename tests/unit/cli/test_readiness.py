from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.local.readiness import list_missing
from wire.errors import ModelRejectedError
from wire.messages import ShardReport, ShardState
from wire.status import ClusterStatus, ModelStatus, NodeStatus


def test_a_cluster_whose_nodes_serve_all_they_were_given_is_ready(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_shard: Callable[..., ShardReport],
    make_model: Callable[..., ModelStatus],
) -> None:
    status = make_status(nodes=(make_node(shards=(make_shard(),)),), models=(make_model(),))
    assert list_missing(status, nodes=["node-1"], models=["mobilenet_v2"]) == []


def test_everything_that_is_awaited_is_named(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_shard: Callable[..., ShardReport],
) -> None:
    status = make_status(
        nodes=(
            make_node("node-1", shards=(make_shard(state=ShardState.PROVING),)),
            make_node("node-2"),
            make_node("node-3", liveness="dead"),
        )
    )
    expected = [
        "mobilenet_v2 (proving) on node-1",
        "an assignment for node-2",
        "a first word from node-3, node-4",
    ]
    nodes = ["node-1", "node-2", "node-3", "node-4"]
    assert list_missing(status, nodes=nodes, models=["mobilenet_v2"]) == expected


def test_a_model_that_no_node_serves_is_awaited_when_all_else_is_there(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_shard: Callable[..., ShardReport],
    make_model: Callable[..., ModelStatus],
) -> None:
    status = make_status(nodes=(make_node(shards=(make_shard(),)),), models=(make_model(), make_model("ssd", ())))
    assert list_missing(status, nodes=["node-1"], models=["mobilenet_v2", "ssd"]) == ["a node to serve ssd"]


def test_a_rejected_model_ends_the_wait_with_its_reason(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_shard: Callable[..., ShardReport],
) -> None:
    shard = make_shard(state=ShardState.REJECTED, reason="the known answer differs")
    status = make_status(nodes=(make_node(shards=(shard,)),))
    with pytest.raises(ModelRejectedError, match="node-1 rejected mobilenet_v2: the known answer differs"):
        list_missing(status, nodes=["node-1"], models=["mobilenet_v2"])
