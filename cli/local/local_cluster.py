"""A whole cluster on this machine: a broker, a controller and some agents, for the time of an ``async with``."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from cli.access.contexts import write_context
from cli.cluster import Cluster
from cli.connection import open_cluster
from cli.local.broker import LOG_FILE, Broker
from cli.local.leash import Leash
from cli.local.program import Program, ProgramSpec, describe_exit, read_tail
from cli.local.readiness import list_missing
from cli.local.spare import Spare, SpareSpec
from cli.local.trust import make_trust
from cli.push import push_model
from cli.signing import own_key_file, public_file, take_key
from modelkit.library import Library
from modelkit.manifest import Manifest
from wire.context import Context, load_context
from wire.errors import AnswerTimeoutError, InternalError, NoRespondersError
from wire.permissions import Role
from wire.status import ClusterStatus

OPERATOR = "operator"
READY_S = 120.0  # first start: every node proves every model in a child process of its own
POLL_S = 0.1
MAX_RESTARTS = 3  # while starting; later a program is restarted for ever

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LocalSpec:
    """What is to run."""

    nodes: int
    manifests: tuple[Manifest, ...]
    library: Library | None  # None where no model has a file
    simulated: bool = False
    port: int | None = None  # of the broker; None takes a free one
    secure: bool = False  # connections are encrypted
    controllers: int = 1
    traces: str = ""  # address of an OTLP/HTTP collector; empty: no tracing


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster that runs."""

    context: Context
    context_file: Path
    access: Path  # the directory of `bramble access`
    directory: Path
    nodes: tuple[str, ...]
    models: tuple[str, ...]
    metrics: str  # URL
    cluster: Cluster


@asynccontextmanager
async def run_local(spec: LocalSpec, report: Report) -> AsyncIterator[LocalCluster]:
    """Start a cluster, wait until it is ready, and stop it in the end. Logs are kept where something went wrong.

    Raises:
        BusError: nats-server is not installed or does not start.
        ModelRejectedError: a node refused a model.
        InternalError: the cluster did not become ready; the message holds the programs' last words.

    """
    directory = Path(tempfile.mkdtemp(prefix="bramble-local-"))
    try:
        async with _run_in(directory, spec, report) as local:
            yield local
    except (asyncio.CancelledError, GeneratorExit):
        _remove(directory, report)
        raise
    except BaseException:
        _keep_logs(directory)
        report(f"the logs are in {directory}")
        raise
    _remove(directory, report)


def _remove(directory: Path, report: Report) -> None:
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        report(f"{directory} was removed while the cluster ran")


def _keep_logs(directory: Path) -> None:
    """Remove all but the logs: what the broker stored is large, and the keys are nobody's business any more."""
    for path in directory.rglob("*"):
        if path.is_file() and path.suffix != ".log":
            path.unlink()


@asynccontextmanager
async def _run_in(directory: Path, spec: LocalSpec, report: Report) -> AsyncIterator[LocalCluster]:
    leash = Leash(directory)
    try:
        authority, trust = make_trust(directory / "access", directory / "broker", secure=spec.secure)
        broker = await asyncio.to_thread(
            Broker.start,
            directory / "broker",
            port=spec.port,
            trust=trust,
            monitor_port=-1 if spec.secure else None,
            on_spawn=leash.hold,
        )
        keeper = _BrokerKeeper(broker, trust, leash, report)
        try:
            authority.serve_at(broker.context.url)

            def let_in(name: str, role: Role) -> Path:
                path = directory / f"{name}.json"
                write_context(authority, name, role, path)
                return path

            context_file = let_in(OPERATOR, Role.OPERATOR)
            context = load_context(str(context_file))
            nodes = tuple(f"node-{number}" for number in range(1, spec.nodes + 1))
            take_key(None)  # the agents trust its public half
            names = name_controllers(spec.controllers)
            specs = [_controller(directory, let_in(name, Role.CONTROLLER), name, spec.traces) for name in names]
            ears = ["--server-log", str(broker.directory / LOG_FILE)]
            ears += ["--server-monitor", broker.monitor] if broker.monitor else []
            specs[0] = replace(specs[0], arguments=(*specs[0].arguments, *ears))
            specs += [_agent(directory, let_in(node, Role.AGENT), node, _backend(spec)) for node in nodes]
            spare = Spare(SpareSpec(_python("edge_agent"), ("standby", _backend(spec))), leash, report)
            programs = [Program(each, leash, report, spare) for each in specs]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each.run(), name=each.spec.name) for each in programs]
                tasks.append(group.create_task(keeper.run(), name="broker"))
                async with open_cluster(context) as cluster:
                    status = await _make_ready(cluster, spec, nodes, programs, report)
                    tasks.append(group.create_task(spare.run(), name="spare"))
                    yield LocalCluster(
                        context=context,
                        context_file=context_file,
                        access=authority.directory,
                        directory=directory,
                        nodes=nodes,
                        models=tuple(manifest.name for manifest in spec.manifests),
                        metrics=status.metrics_url,
                        cluster=cluster,
                    )
                for task in tasks:
                    task.cancel()
        finally:
            keeper.broker.stop()
            leash.release(keeper.broker.pid)
    finally:
        leash.close()


async def _make_ready(
    cluster: Cluster, spec: LocalSpec, nodes: Sequence[str], programs: Sequence[Program], report: Report
) -> ClusterStatus:
    """Push the models and wait until every node serves them; return the status then."""
    models = [manifest.name for manifest in spec.manifests]
    deadline = time.monotonic() + READY_S
    said: list[str] = []
    pushed = False
    while True:
        missing = ["the controller"]
        try:
            status = await cluster.status(within=2.0)
        except (NoRespondersError, AnswerTimeoutError):
            pass
        else:
            if not pushed:
                for manifest in spec.manifests:
                    await push_model(cluster, manifest, spec.library, report, key=take_key(None))
                pushed = True
                continue
            missing = list_missing(status, nodes=nodes, models=models)
            if not missing:
                return status
        if missing != said:
            report("waiting for " + "; ".join(missing))
            said = missing
        _check_start(programs, missing, late=time.monotonic() > deadline)
        await asyncio.sleep(POLL_S)


def _check_start(programs: Sequence[Program], missing: Sequence[str], *, late: bool) -> None:
    """Give up where waiting on makes no sense.

    Raises:
        InternalError: a program dies again and again, or time is up.

    """
    failing = [program for program in programs if program.restarts >= MAX_RESTARTS]
    if not failing and not late:
        return
    words = "\n".join(f"{each.spec.name}: {read_tail(each.spec.log)}" for each in failing or programs)
    why = f"{failing[0].spec.name} dies again and again" if failing else f"no end after {READY_S:g} s"
    raise InternalError(
        f"the cluster did not become ready: {why} (waiting for {'; '.join(missing)}). Last words:\n{words}",
        remedy="read the logs",
    )


class _BrokerKeeper:
    """Starts the broker again, on the same port and with the same store, when it dies; the leash's holder likewise."""

    def __init__(self, broker: Broker, trust: str, leash: Leash, report: Report) -> None:
        self.broker = broker
        self._trust = trust
        self._leash = leash
        self._report = report

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            if self._leash.mend():
                self._report("the process that ends the others was itself ended; it runs again")
            code = self.broker.poll()
            if code is None:
                continue
            self._report(f"the broker {describe_exit(code)}; starting it again")
            self._leash.release(self.broker.pid)
            self.broker = await asyncio.to_thread(
                Broker.start,
                self.broker.directory,
                port=urlsplit(self.broker.context.url).port,
                trust=self._trust,  # who was revoked since is in the broker's own store
                monitor_port=urlsplit(self.broker.monitor).port,
                on_spawn=self._leash.hold,
            )


def name_controllers(number: int) -> list[str]:
    """Return the names of so many controllers."""
    return ["controller"] if number == 1 else [f"controller-{each}" for each in range(1, number + 1)]


def _controller(directory: Path, context: Path, name: str, traces: str) -> ProgramSpec:
    options = ["--id", name, "--context", str(context), "--metrics-port", "0"]
    options += ["--traces", traces] if traces else []
    return ProgramSpec(name, (*_python("controller"), *options), directory / f"{name}.log")


def _backend(spec: LocalSpec) -> str:
    return "simulated" if spec.simulated else "litert"  # not `auto`: several agents cannot share one Edge TPU


def _agent(directory: Path, context: Path, node: str, backend: str) -> ProgramSpec:
    options = ["--node", node, "--context", str(context)]
    # Agents share the cache: what was fetched and proved once is there at the next start.
    cache = directory / "cache" if backend == "simulated" else user_cache_path("bramble") / "agents"
    options += [
        "--cache",
        str(cache),
        "--trust",
        str(public_file(own_key_file())),
        "--backends",
        backend,
        "--threads",
        "1",
    ]
    return ProgramSpec(node, (*_python("edge_agent"), *options), directory / f"{node}.log")


def _python(module: str) -> tuple[str, ...]:
    # -P: a folder called `wire` or `models` where the user happens to be must not be imported
    return (sys.executable, "-P", "-m", module)
