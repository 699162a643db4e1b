"""What nobody announces can be told from two statuses: a node that was killed sends no event."""

from __future__ import annotations

from collections.abc import Iterator

from tui.severity import judge_node
from wire.status import ClusterStatus, NodeStatus

Change = tuple[str, str, str]
"""Source, kind, and text."""


def notice_changes(before: ClusterStatus, after: ClusterStatus) -> Iterator[Change]:
    """Tell what differs between two statuses of one cluster, and is not announced as an event."""
    yield from _notice_nodes(before, after)
    known = {camera.camera for camera in before.cameras}
    wanted = {camera.camera for camera in after.cameras}
    for name in sorted(wanted - known):
        yield name, "added", "a camera was added"
    for name in sorted(known - wanted):
        yield name, "removed", "a camera was removed"
    served = {model.model: bool(model.nodes_ready) for model in before.models}
    for model in after.models:
        ready = bool(model.nodes_ready)
        if served.get(model.model, ready) != ready:
            nodes = ", ".join(model.nodes_ready)
            yield model.model, "served" if ready else "unserved", f"served by {nodes}" if ready else "by no node"


def _notice_nodes(before: ClusterStatus, after: ClusterStatus) -> Iterator[Change]:
    known = {node.node: node for node in before.nodes}
    for node in after.nodes:
        old = known.get(node.node)
        if old is None:
            yield node.node, "joined", f"{node.heartbeat.machine}, {node.heartbeat.cpus} cores"
        elif change := _compare(old, node):
            yield change
    for name in sorted(known.keys() - {node.node for node in after.nodes}):
        yield name, "forgotten", "dead for long"


def _compare(old: NodeStatus, new: NodeStatus) -> Change | None:
    word, was = judge_node(new).word, judge_node(old).word
    if word != was:
        return new.node, word, judge_node(new).why or f"was {was}"
    if old.heartbeat.session != new.heartbeat.session:
        return new.node, "restarted", "its agent was started again"
    return None
