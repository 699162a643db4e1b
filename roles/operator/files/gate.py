# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Waits until nodes serve, and proves it with pictures: the gate of an upgrade, and the whole of a verification.

    python gate.py --context NAME --node node1 --node node2 --within 60 [--picture cat.jpg]

prints ``{"ok", "missing", "sessions", "answers"}`` and exits with 0 where every node is live and has every model that
it was given ready, and, with a picture, has answered for each of the cluster's models.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.cluster import Cluster
from cli.connection import open_cluster
from cli.local.readiness import list_missing
from wire.errors import AnswerTimeoutError, BrambleError, NoRespondersError
from wire.headers import InferOptions
from wire.messages import Result
from wire.status import ClusterStatus

POLL_S = 0.2
ASK_S = 2.0
DEADLINE_MS = 10_000


def list_obstacles(status: ClusterStatus, nodes: Sequence[str], old: Mapping[str, str]) -> list[str]:
    """Return what keeps the nodes from serving, in words.

    Args:
        status: the cluster's.
        nodes: the names of those that are waited for.
        old: session by node; a node that still reports this session has not started anew.

    Raises:
        ModelRejectedError: a node refused a model; waiting would not help.

    """
    chosen = {each.node: each for each in status.nodes if each.node in nodes}
    missing = list_missing(status, nodes=nodes, models=[model.model for model in status.models])
    missing += [f"{name} is draining" for name, node in chosen.items() if node.heartbeat.draining]
    return missing + [
        f"{name} has not started anew"
        for name, node in chosen.items()
        if old.get(name) == node.heartbeat.session
    ]  # fmt: skip


async def wait_ready(cluster: Cluster, nodes: Sequence[str], old: Mapping[str, str], deadline: float) -> list[str]:
    """Wait for the nodes; return what was still missing at the deadline."""
    missing = ["no controller has answered"]
    while True:
        try:
            missing = list_obstacles(await cluster.status(within=ASK_S), nodes, old)
        except (NoRespondersError, AnswerTimeoutError) as error:
            missing = [str(error)]
        if not missing or time.monotonic() > deadline:
            return missing
        await asyncio.sleep(POLL_S)


async def ask_everyone(
    cluster: Cluster, nodes: Sequence[str], model: str, picture: bytes, deadline: float
) -> dict[str, str]:
    """Send the picture until each node has answered once; return what each said, as far as the deadline let them."""
    answers: dict[str, str] = {}
    at_once = 2 * len(nodes)  # so many fill every node, and so reach the slowest, too

    async def ask() -> None:
        result = await cluster.infer(model, picture, InferOptions(deadline_ms=DEADLINE_MS))
        if isinstance(result, Result) and result.nodes:
            best = (result.classes or result.detections or ())[:1]
            answers[result.nodes[-1]] = best[0].label if best else "nothing found"

    while set(nodes) - answers.keys() and time.monotonic() < deadline:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(ask())
    return answers


async def pass_gate(
    context: str, nodes: Sequence[str], old: Mapping[str, str], picture: bytes | None, within: float
) -> dict[str, object]:
    """Return the verdict."""
    deadline = time.monotonic() + within
    answers: dict[str, dict[str, str]] = {}
    async with open_cluster(context) as cluster:
        missing = await wait_ready(cluster, nodes, old, deadline)
        status = await cluster.status(within=ASK_S)
        if picture is not None and not missing:
            for model in status.models:
                answers[model.model] = await ask_everyone(cluster, nodes, model.model, picture, deadline)
                silent = sorted(set(nodes) - answers[model.model].keys())
                missing += [f"{name} has not answered for {model.model}" for name in silent]
            if not status.models:
                missing.append("the cluster serves no model that could be asked")
    sessions = {node.node: node.heartbeat.session for node in status.nodes}
    return {"ok": not missing, "missing": missing, "sessions": sessions, "answers": answers}


def main() -> None:
    """Pass or fail."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--context", required=True)
    parser.add_argument("--node", action="append", default=[], help="a node that must serve; may be repeated")
    parser.add_argument("--within", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--picture", type=Path, help="a JPEG or PNG that every node must answer")
    parser.add_argument("--old-sessions", default="{}", metavar="JSON", help="sessions that must have ended")
    found = parser.parse_args()
    try:
        old = json.loads(found.old_sessions)
        picture = found.picture.read_bytes() if found.picture else None
        verdict = asyncio.run(pass_gate(found.context, found.node, old, picture, found.within))
    except* (BrambleError, OSError) as errors:
        words = "; ".join(str(error) for error in errors.exceptions)
        verdict = {"ok": False, "missing": [words], "sessions": {}, "answers": {}}
    print(json.dumps(verdict))  # noqa: T201 - the answer
    sys.exit(0 if verdict["ok"] else 1)


if __name__ == "__main__":
    main()
