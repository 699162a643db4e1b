"""A real cluster for a measurement: broker, controller, and simulated agents of chosen speeds, a process each."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from cli.local.broker import Broker
from modelkit.manifest import InputSpec, Manifest, SimulatedSpec, encode_manifest
from wire import subjects
from wire.bus import Bus
from wire.context import save_context
from wire.errors import BusError
from wire.messages import ClusterStatus, decode

MODEL = "bench"
READY_S = 30.0


def make_manifest() -> Manifest:
    """Return a model that has no weights: agents play its time."""
    return Manifest(
        name=MODEL,
        version="1.0.0",
        task="classify",
        description="plays the time of a model",
        licence="MIT",
        origin="benchmarks",
        labels=("simulated",),
        input=InputSpec(width=8, height=8),
        simulated=SimulatedSpec(seconds=0.05),
    )


@asynccontextmanager
async def run_cluster(seconds: Sequence[float]) -> AsyncIterator[Bus]:
    """Start a node for each entry of ``seconds`` (its time for a frame) and wait until all are ready."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bramble-bench-")))
        broker = Broker.start(directory / "broker")
        stack.callback(broker.stop)
        context = directory / "context.json"
        save_context(broker.context, context)
        common = ["--context", str(context), "--log-level", "warning"]
        _start(stack, "controller", "--id", "bench", "--metrics-port", "0", *common)
        for number, each in enumerate(seconds, 1):
            profile = directory / f"node-{number}.toml"
            profile.write_text(f"[seconds]\n{MODEL} = {each}\n", "utf-8")
            _start(
                stack,
                "edge_agent",
                *("--node", f"node-{number}", "--backends", "simulated", "--profile", str(profile)),
                *("--cache", str(directory / "cache"), *common),
            )
        async with Bus.connect(broker.context, name="bench") as bus:
            await _make_ready(bus, len(seconds))
            yield bus


def _start(stack: ExitStack, *arguments: str) -> None:
    process = subprocess.Popen([sys.executable, "-m", *arguments])

    def stop() -> None:
        process.terminate()
        process.wait(15)

    stack.callback(stop)


async def _make_ready(bus: Bus, nodes: int) -> None:
    add = subjects.CONTROL.build(noun="model", verb="add")
    status = subjects.CONTROL.build(noun="cluster", verb="status")
    added = False
    async with asyncio.timeout(READY_S):
        while True:
            await asyncio.sleep(0.1)
            try:
                if not added:
                    await bus.control.request(add, encode_manifest(make_manifest()), within=2)
                    added = True
                reply = await bus.control.request(status, b"{}", within=2)
            except BusError:
                continue  # the controller is not there yet; bounded by the timeout
            if any(len(m.nodes_ready) == nodes for m in decode(reply.data, ClusterStatus).models):
                return
