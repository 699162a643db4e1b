"""What nobody announces can be told from two statuses: a node that was killed sends no event."""

from __future__ import annotations

from collections.abc import Iterator

from tui.severity import Assessment, judge_controller, judge_jobs, judge_node
from wire.status import NodeStatus

Change = tuple[str, str, str]
"""Source, kind, and text."""


def notice_changes(was: Assessment, now: Assessment) -> Iterator[Change]:
    """Tell what differs between two statuses of one cluster, and is not announced as an event."""
    before, after = was.status, now.status
    yield from _notice_nodes(was, now)
    yield from _notice_controllers(was, now)
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


def _notice_nodes(before: Assessment, after: Assessment) -> Iterator[Change]:
    known = {node.node: node for node in before.status.nodes}
    for node in after.status.nodes:
        old = known.get(node.node)
        if old is None:
            yield node.node, "joined", f"{node.heartbeat.machine}, {node.heartbeat.cpus} cores"
        elif change := _compare(old, before, node, after):
            yield change
    for name in sorted(known.keys() - {node.node for node in after.status.nodes}):
        yield name, "forgotten", "dead for long"


def _notice_controllers(before: Assessment, after: Assessment) -> Iterator[Change]:
    known = {each.controller: each for each in before.status.controllers}
    for each in after.status.controllers:
        word = judge_controller(each, after).word
        old = known.get(each.controller)
        if old is None:
            yield each.controller, "joined", f"a controller, version {each.version}"
        elif (was := judge_controller(old, before).word) != word:
            yield each.controller, word, judge_controller(each, after).why or f"was {was}"
        elif each.plans and not old.plans:
            yield each.controller, "plans", "has taken the task of planning"
    queue, queue_was = judge_jobs(after), judge_jobs(before)
    if queue.why != queue_was.why and queue.severity != queue_was.severity and before.status.jobs is not None:
        yield "jobs", queue.word, queue.why or f"was: {queue_was.why}"


def _compare(old: NodeStatus, before: Assessment, new: NodeStatus, after: Assessment) -> Change | None:
    verdict, was = judge_node(new, after), judge_node(old, before).word
    if verdict.word != was:
        return new.node, verdict.word, verdict.why or f"was {was}"
    if old.heartbeat.session != new.heartbeat.session:
        return new.node, "restarted", "its agent was started again"
    return None
