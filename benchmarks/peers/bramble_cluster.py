"""A Bramble cluster for the job: broker, keys and permissions as `bramble local` makes them, and two agents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame_path.contender import WORKERS, Site
from benchmarks.frame_path.job import MODEL, build_job, find_library
from benchmarks.peers.supervised import supervise
from cli.access.contexts import write_context
from cli.cluster import Cluster
from cli.local.broker import Broker
from cli.local.spare import SpareSpec
from cli.local.trust import make_trust
from cli.push import push_model
from wire.bus import Bus
from wire.context import Context
from wire.errors import AnswerTimeoutError, NoRespondersError
from wire.permissions import Role
from wire.status import ClusterStatus

READY_S = 90.0
POLL_S = 0.05
CONTROLLER = "controller"
_NODES = tuple(f"node-{number}" for number in range(1, WORKERS + 1))


@dataclass(frozen=True, slots=True)
class Ground:
    """The broker runs, and who may speak to it is known."""

    operator: Context
    controller: Path  # context file
    agents: Mapping[str, Sequence[str]]  # commands, by node
    spare: SpareSpec  # how `bramble local` has one stand by


@asynccontextmanager
async def open_ground(site: Site, *, tls: bool) -> AsyncIterator[Ground]:
    """Run the broker for the time of an ``async with``."""
    directory = site.directory
    with ExitStack() as stack:
        authority, trust = make_trust(directory / "access", directory / "broker", secure=tls)
        broker = Broker.start(directory / "broker", trust=trust)
        stack.callback(broker.stop)
        authority.serve_at(broker.context.url)
        operator = write_context(authority, "operator", Role.OPERATOR, directory / "operator.json")
        controller = directory / "controller.json"
        write_context(authority, CONTROLLER, Role.CONTROLLER, controller)
        agent = (site.python, "-P", "-m", "benchmarks.peers.metered_agent")
        agents = {}
        for node in _NODES:
            context = directory / f"{node}.json"
            write_context(authority, node, Role.AGENT, context)
            place = ("--node", node, "--context", str(context), "--cache", str(directory / "cache"))
            agents[node] = (*agent, "--log-level", "warning", *place, "--backends", "litert", "--threads", "1")
        yield Ground(operator, controller, agents, SpareSpec(agent, ("standby", "litert"), calm_s=0.0))


@asynccontextmanager
async def serve_model(ground: Ground, site: Site) -> AsyncIterator[Bus]:
    """Start the agents, have the model served by all of them, and yield an operator's bus."""
    async with (
        supervise(site.directory / "agents", ground.agents, ground.spare),
        Bus.connect(ground.operator, name="bench") as bus,
    ):
        cluster = Cluster(bus)
        await _wait_for(cluster, lambda _status: True)
        library = find_library()
        await push_model(cluster, build_job(library), library, lambda _line: None, key=None)
        await _wait_for(
            cluster,
            lambda status: any(each.model == MODEL and len(each.nodes_ready) == WORKERS for each in status.models),
        )
        yield bus


async def _wait_for(cluster: Cluster, wanted: Callable[[ClusterStatus], bool]) -> None:
    """Look until the status is as wanted.

    Raises:
        TimeoutError: it was not within 90 s.

    """
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if wanted(await cluster.status(within=2.0)):
                return
        except (NoRespondersError, AnswerTimeoutError):
            pass  # the controller is not there yet
        await asyncio.sleep(POLL_S)
    raise TimeoutError(f"{MODEL} is not served after {READY_S:.0f} s")
