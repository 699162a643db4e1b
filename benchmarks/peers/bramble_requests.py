"""Bramble asked from outside, as by any NATS client: a controller process stands between asker and agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.frame_path.contender import Site
from benchmarks.frame_path.job import MODEL
from benchmarks.harness.load import Ask
from benchmarks.peers.bramble_cluster import CONTROLLER, open_ground, serve_model
from benchmarks.peers.supervised import supervise
from cli.cluster import Cluster
from wire.headers import InferOptions

OPTIONS = InferOptions(deadline_ms=10_000)


@asynccontextmanager
async def run(site: Site, variant: str) -> AsyncIterator[Ask]:
    """Start everything; ``variant`` tls encrypts."""
    async with open_ground(site, tls=variant == "tls") as ground:
        options = ("--id", CONTROLLER, "--context", str(ground.controller), "--metrics-port", "0")
        command = (site.python, "-P", "-m", "controller", *options, "--log-level", "warning")
        async with (
            supervise(site.directory / "controllers", {CONTROLLER: command}),
            serve_model(ground, site) as bus,
        ):
            cluster = Cluster(bus)

            async def ask(picture: bytes) -> object:
                return await cluster.infer(MODEL, picture, OPTIONS)

            yield ask
