"""LitServe: FastAPI in front of worker processes, asked over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.frame_path.contender import Site
from benchmarks.frame_path.job import make_frame
from benchmarks.harness.load import Ask
from benchmarks.peers.http_client import find_port, open_client, wait_ready
from benchmarks.peers.supervised import supervise


@asynccontextmanager
async def run(site: Site, _variant: str) -> AsyncIterator[Ask]:
    """Start the server."""
    port = find_port()
    command = (site.python, "-P", "-m", "benchmarks.peers.litserve_server", str(port))
    async with (
        supervise(site.directory, {"litserve": command}),
        open_client(f"http://127.0.0.1:{port}/predict") as ask,
    ):
        await wait_ready(ask, make_frame())
        yield ask
