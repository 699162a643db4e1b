"""What a contender is, and which there are."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.harness.load import Ask

WORKERS = 2
IN_FLIGHT = 2
"""Frames that a worker may hold: one travels while another is computed."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a contender runs."""

    directory: Path  # its own, empty, gone afterwards
    python: str  # the interpreter for its workers


Open = Callable[[Site], AbstractAsyncContextManager[Ask]]
"""Starts the workers, and is ready to be asked; ends everything again."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to serve the job."""

    title: str
    module: str  # in benchmarks.peers; has a function ``run`` of the kind :data:`Open`
    variant: str = ""  # given to it
    uvloop: bool = False  # on the asking side

    def open(self, site: Site) -> AbstractAsyncContextManager[Ask]:
        """Start it."""
        run = importlib.import_module(f"benchmarks.peers.{self.module}").run
        return cast("AbstractAsyncContextManager[Ask]", run(site, self.variant))


CONTENDERS = {
    "bramble": Contender("Bramble, as its cameras' frames go", "bramble"),
    "bramble-tls": Contender("Bramble, likewise, over TLS", "bramble", "tls"),
    "bramble-requests": Contender("Bramble, asked over NATS", "bramble_requests"),
    "grpc-aio": Contender("gRPC, asyncio on both sides", "grpc_aio"),
    "grpc-uvloop": Contender("gRPC, asyncio with uvloop on both sides", "grpc_aio", "uvloop", uvloop=True),
    "grpc-threads": Contender("gRPC, server of threads, client with uvloop", "grpc_aio", "threads", uvloop=True),
    "mosec": Contender("mosec", "mosec_http"),
    "litserve": Contender("LitServe", "litserve_http"),
    "ray-serve": Contender("Ray Serve", "ray_serve"),
    "dask": Contender("Dask distributed", "dask_cluster"),
}
