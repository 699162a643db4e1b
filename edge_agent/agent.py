"""The agent put together: connect, listen, beat, reconcile; and leave in good order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from edge_agent.backends.registry import find_backends
from edge_agent.cache import Cache
from edge_agent.commands import Commands
from edge_agent.echo import Echo
from edge_agent.examiner import Examiner
from edge_agent.heart import Heart, Standing
from edge_agent.loader import Loader
from edge_agent.pipeline import StuckError
from edge_agent.profiler import Profiler
from edge_agent.reconciler import Reconciler
from edge_agent.settings import Settings
from edge_agent.worker import Worker
from wire import subjects
from wire.bus import Bus
from wire.bus.patient import connect_patiently
from wire.context import load_context
from wire.errors import NotAuthorisedError
from wire.heap import trim_regularly
from wire.logbook import Logbook, answer_logs
from wire.systemd import READY, STOPPING, WATCHDOG, Notifier

BACKGROUND_THREADS = 2  # one loads a model while the other reads the machine's health
LEAVE_S = 10.0
CANCELLATIONS = 20

_log = logging.getLogger("bramble.agent")


class TaskEndedError(RuntimeError):
    """A task that should never end did: the agent cannot go on as if nothing had happened."""


async def run_agent(settings: Settings, book: Logbook) -> None:
    """Run until SIGTERM or SIGINT; ``book`` is what is told of the log.

    Raises:
        BrambleError: the settings cannot work on this node.
        TaskEndedError: a background task died.
        StuckError: a thread is lost in native code.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(BACKGROUND_THREADS, "background"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context = load_context(settings.context)
    backends = find_backends(settings.backends, settings.profile)
    cache = Cache(settings.cache, settings.cache_bytes)
    cache.open()
    loader = Loader(backends, cache, settings.threads, settings.trust)
    notifier = Notifier(os.environ)
    async with connect_patiently(
        context, name=f"agent-{settings.node}", notifier=notifier, stop=stop, asks_controllers=True
    ) as bus:
        if bus is not None:
            await answer_logs(bus.control, subjects.NODE_LOGS.build(node=settings.node), book)
            await _serve(settings, bus, loader, notifier, stop)


async def _serve(settings: Settings, bus: Bus, loader: Loader, notifier: Notifier, stop: asyncio.Event) -> None:
    node = settings.node
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_stuck(error: StuckError) -> None:
        if not lost.done():
            lost.set_exception(error)

    def describe() -> Standing:
        return Standing(
            variants=loader.variants,
            shards=reconciler.reports(),
            in_flight=worker.in_flight,
            queued=worker.queued,
            draining=worker.draining or stop.is_set(),
            busy_s=worker.busy_s,
            threads=settings.threads,
            memory_limit=settings.memory_bytes,
        )

    heart = Heart(node, bus, on_beat=lambda: notifier.tell(WATCHDOG))
    worker = Worker(node, bus.data, on_stuck=on_stuck)
    reconciler = Reconciler(node, bus, loader, worker, on_change=heart.hurry, announce=heart.announce)
    profiler = Profiler(node, loader, worker, reconciler)
    examiner = Examiner(settings, lambda: {loader.backend(each.shard.variant).name for each in reconciler.reports()})
    await Commands(
        node, bus.control, worker, profiler=profiler, examiner=examiner, doubt=reconciler.doubt, on_change=heart.hurry
    ).listen()
    await Echo(node, bus.data).listen()
    notifier.tell(READY, "STATUS=connected")
    heartbeat = asyncio.create_task(heart.run(describe), name="heart")
    tasks = {
        asyncio.create_task(reconciler.follow_assignment(), name="assignment"),
        asyncio.create_task(reconciler.follow_manifests(), name="manifests"),
        asyncio.create_task(reconciler.run(), name="reconciler"),
        asyncio.create_task(trim_regularly(), name="trim-heap"),
    }
    try:
        await _watch({heartbeat, *tasks}, lost, stop)
        notifier.tell(STOPPING, "STATUS=finishing the frames it holds")
        await _cancel(tasks)
        heart.hurry()
        await worker.leave(within=LEAVE_S)  # the heart beats on: a silent node's frames would be sent elsewhere
        await _cancel({heartbeat})
        await heart.announce("leaving", f"{node} was told to stop")
        await heart.beat(describe)
    finally:
        await _cancel({heartbeat, *tasks})
        await profiler.close()
        await examiner.close()
        worker.close()


async def _watch(tasks: set[asyncio.Task[None]], lost: asyncio.Future[None], stop: asyncio.Event) -> None:
    """Return when told to stop.

    Raises:
        NotAuthorisedError: the server does not let this node do its work: its key is another's, or its role.
        TaskEndedError: one of the tasks ended by itself.
        StuckError: a thread is lost.

    """
    stopping = asyncio.create_task(_until(stop), name="stop")
    try:
        await asyncio.wait((*tasks, stopping, lost), return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            lost.result()
        for task in tasks:
            if task.done():
                error = task.exception()
                if isinstance(error, NotAuthorisedError):
                    raise error
                raise TaskEndedError(f"the task {task.get_name()!r} ended") from error
    finally:
        await _cancel({stopping})


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    """End the tasks; more than once, because before Python 3.12 ``wait_for`` may swallow a cancellation."""
    for _ in range(CANCELLATIONS):
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=LEAVE_S / CANCELLATIONS)
        if not tasks:
            return
        _log.info("tasks go on", extra={"action": "cancel", "tasks": [task.get_name() for task in tasks]})


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
