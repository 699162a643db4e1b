"""mosec: a Rust server in front of Python workers, asked over HTTP."""

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
    options = ("--address", "127.0.0.1", "--port", str(port), "--path", str(site.directory / "ipc"))
    command = (site.python, "-P", "-m", "benchmarks.peers.mosec_server", *options, "--timeout", "10000")
    async with (
        supervise(site.directory, {"mosec": (*command, "--log-level", "warning")}),
        open_client(f"http://127.0.0.1:{port}/inference") as ask,
    ):
        await wait_ready(ask, make_frame())
        yield ask
