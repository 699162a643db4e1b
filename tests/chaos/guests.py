"""One agent and one controller more, whose way to the server can be cut."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from cli.access.authority import Authority
from cli.access.contexts import write_context
from tests.chaos.cluster import STOP_S, Target
from tests.chaos.cut_proxy import CutProxy
from tests.chaos.schedule import GUEST_AGENT, GUEST_CONTROLLER
from wire.context import load_context, save_context
from wire.permissions import Role

Ways = dict[str, CutProxy]


@asynccontextmanager
async def run_guests(cluster: Target, logs: Path) -> AsyncIterator[Ways]:
    """Run both for the time of the block; yields each one's way to the server.

    They run as the cluster's own do, but for their names and their ways.
    """
    authority = Authority.open(Path(cluster.told["access"]))
    url = urlsplit(cluster.told["url"])
    copied = {
        GUEST_AGENT: (cluster.told["nodes"][0], Role.AGENT),
        GUEST_CONTROLLER: (cluster.controllers[-1], Role.CONTROLLER),
    }
    ways: Ways = {}
    async with AsyncExitStack() as stack:
        for name, (like, role) in copied.items():
            way = ways[name] = CutProxy(url.hostname or "", url.port or 0)
            await stack.enter_async_context(way.run())
            path = authority.directory / f"{name}.json"
            write_context(authority, name, role, path)
            context = msgspec.structs.replace(load_context(str(path)), url=f"nats://127.0.0.1:{way.port}")
            save_context(context, path)
            line = next(process.cmdline() for program, process in cluster.processes() if program == like)
            line[line.index("--node" if role is Role.AGENT else "--id") + 1] = name
            line[line.index("--context") + 1] = str(path)
            if "--server-log" in line:  # one reader of the server's log is enough
                at = line.index("--server-log")
                del line[at : at + 2]
            stack.callback(_stop, _start(line, logs / f"{name}.log"))
        for way in ways.values():
            stack.callback(way.heal)
        yield ways


def _start(line: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("w") as notes:
        return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=notes, stderr=notes)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(STOP_S)
