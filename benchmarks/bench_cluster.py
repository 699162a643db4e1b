"""A real cluster for a measurement or a test: broker, controller, and agents of chosen speeds, a process each."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cli.cluster import Cluster
from cli.local.broker import Broker
from modelkit.manifest import InputSpec, Manifest, SimulatedSpec
from wire.bus import Bus
from wire.context import Context, save_context
from wire.errors import BusError
from wire.status import ClusterStatus

MODEL = "bench"
READY_S = 60.0
POLL_S = 0.1
STOP_S = 15.0


def make_manifest(simulated: SimulatedSpec | None = None) -> Manifest:
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
        simulated=simulated or SimulatedSpec(seconds=0.05),
    )


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """An agent to be started. ``seconds`` is what it plays for a frame; None: it runs real models."""

    name: str
    seconds: float | None = None
    arguments: tuple[str, ...] = ()
    context: Context | None = None  # another way to the server than the others'
    prefix: tuple[str, ...] = ()  # a command that starts the agent
    limit: Callable[[int], None] = lambda _pid: None  # is told the process, to hold it back


@dataclass
class BenchCluster:
    """A cluster that runs."""

    broker: Broker
    bus: Bus
    directory: Path
    log_level: str = "warning"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def cluster(self) -> Cluster:
        """What an operator can ask of it."""
        return Cluster(self.bus)

    def start_controller(self) -> None:
        """Start the controller."""
        self._start("controller", ("controller", "--id", "bench", "--metrics-port", "0"), self.broker.context)

    def start_node(self, spec: NodeSpec) -> None:
        """Start an agent."""
        arguments = ["edge_agent", "--node", spec.name, "--cache", str(self.directory / "cache"), *spec.arguments]
        if spec.seconds is not None:
            profile = self.directory / f"{spec.name}.toml"
            profile.write_text(f"[seconds]\n{MODEL} = {spec.seconds}\n", "utf-8")
            arguments += ["--backends", "simulated", "--profile", str(profile)]
        self._start(spec.name, arguments, spec.context or self.broker.context, spec.prefix)
        spec.limit(self.processes[spec.name].pid)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a process and wait until it is gone."""
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)

    async def wait_for(self, wanted: Callable[[ClusterStatus], bool], *, within: float = READY_S) -> ClusterStatus:
        """Return the first status that is as wanted.

        Raises:
            TimeoutError: there was none in that many seconds.

        """
        found: ClusterStatus | None = None

        async def look() -> bool:
            nonlocal found
            try:
                found = await self.cluster.status(within=2.0)
            except BusError:
                return False  # the controller is not there yet
            return wanted(found)

        await self.wait_until(look, within=within)
        if found is None:
            raise TimeoutError("no status came")
        return found

    async def wait_until(self, wanted: Callable[[], Awaitable[bool]], *, within: float = READY_S) -> None:
        """Ask again and again until the answer is yes.

        Raises:
            TimeoutError: it was not in that many seconds.

        """
        deadline = time.monotonic() + within  # not asyncio.timeout: a swallowed cancellation would be a wait for ever
        while not await wanted():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not so after {within:.0f} s")
            await asyncio.sleep(POLL_S)

    async def wait_ready(self, model: str, nodes: int, *, within: float = READY_S) -> ClusterStatus:
        """Wait until so many nodes serve a model."""
        return await self.wait_for(
            lambda status: any(each.model == model and len(each.nodes_ready) == nodes for each in status.models),
            within=within,
        )

    async def wait_settled(self, model: str) -> None:
        """Wait until the plan of a model is in force, or there is none."""

        async def settled() -> bool:
            plan = (await self.cluster.show_plan(model)).plan
            return plan is None or plan.settled

        await self.wait_until(settled)

    def read_log(self, name: str) -> str:
        """Return what a process said."""
        return (self.directory / f"{name}.log").read_text("utf-8", errors="replace")

    def _start(self, name: str, arguments: Sequence[str], context: Context, prefix: Sequence[str] = ()) -> None:
        file = self.directory / f"{name}.context.json"
        save_context(context, file)
        options = ("--context", str(file), "--log-level", self.log_level)
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*prefix, sys.executable, "-m", *arguments, *options], stdin=subprocess.DEVNULL, stderr=log
            )


@asynccontextmanager
async def open_cluster(nodes: Sequence[NodeSpec], *, log_level: str = "warning") -> AsyncIterator[BenchCluster]:
    """Start a broker, a controller and agents, for the time of an ``async with``; no model is there yet."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bramble-bench-")))
        broker = Broker.start(directory / "broker")
        stack.callback(broker.stop)
        async with Bus.connect(broker.context, name="bench") as bus:
            bench = BenchCluster(broker, bus, directory, log_level)
            try:
                bench.start_controller()
                for spec in nodes:
                    bench.start_node(spec)
                await bench.wait_for(lambda status: len(status.nodes) == len(nodes))
                yield bench
            finally:
                for name in tuple(bench.processes):
                    bench.end(name)


@asynccontextmanager
async def run_cluster(seconds: Sequence[float]) -> AsyncIterator[Bus]:
    """Start a node for each entry of ``seconds`` (its time for a frame) and wait until all are ready."""
    specs = [NodeSpec(f"node-{number}", each) for number, each in enumerate(seconds, 1)]
    async with open_cluster(specs) as bench:
        await bench.cluster.add_model(make_manifest())
        await bench.wait_ready(MODEL, len(seconds))
        yield bench.bus
