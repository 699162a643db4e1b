"""Bramble with the controller in the asking process, as for its cameras' frames: ledger, dispatch, results and all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.frame_path.contender import Site
from benchmarks.frame_path.job import MODEL
from benchmarks.harness.load import Ask
from benchmarks.peers.bramble_cluster import CONTROLLER, open_ground, serve_model
from controller.controller import Controller
from controller.lanes.capture import Capture
from controller.leases.place import Place
from controller.settings import parse_settings
from wire.bus import Bus
from wire.context import load_context
from wire.headers import InferOptions
from wire.ids import REQUESTS
from wire.messages import Result
from wire.systemd import Notifier

OPTIONS = InferOptions(deadline_ms=10_000)


@asynccontextmanager
async def run(site: Site, variant: str) -> AsyncIterator[Ask]:
    """Start everything; ``variant`` tls encrypts."""
    async with open_ground(site, tls=variant == "tls") as ground:
        context = load_context(str(ground.controller))
        settings = parse_settings(["--id", CONTROLLER, "--context", str(ground.controller), "--metrics-port", "0"])
        place = Place(settings.id, context.servers)
        async with Bus.connect(context, name=f"controller-{settings.id}") as bus:
            controller = await Controller.open(settings, bus, Notifier({}), place=place.name)
            running = asyncio.create_task(controller.run(), name="controller")
            try:
                async with serve_model(ground, site):

                    async def ask(picture: bytes) -> Result:
                        capture = Capture.new(
                            REQUESTS, picture, captured_at=time.time(), arrived=asyncio.get_running_loop().time()
                        )
                        return await controller.requests.infer(capture, MODEL, OPTIONS)

                    yield ask
            finally:
                running.cancel()
                await asyncio.wait({running})
                place.close()
