"""The way of a frame through this node: one thread takes it all the way, a second one the frame after it.

So the next frame is decoded while the present one is inferred. A lock lets one thread at a time into the runtime. A
thread for each step instead would be woken, and wake the event loop, three times a frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread

import msgspec

from edge_agent.backends.base import Activations, Findings, Prepared, Servable
from wire.errors import DeadlineExceededError
from wire.headers import WorkOrder
from wire.messages import Timings

IN_FLIGHT = 2
Step = Callable[[], None]

STUCK_S = 150.0
"""How long a frame may take, with the frame before it; beyond, the thread counts as lost."""


class StuckError(RuntimeError):
    """A thread did not come back from native code. It cannot be freed: the process has to end."""


class Work(msgspec.Struct, frozen=True):
    """One frame that was taken. Times by ``time.monotonic``."""

    order: WorkOrder
    payload: bytes
    arrived: float
    deadline: float
    network_ms: float = 0.0  # from the stage before, by both nodes' clocks


class Finished(msgspec.Struct, frozen=True):
    """What came of it: findings, or what goes to the next stage."""

    outcome: Findings | Activations
    prepared: Prepared
    timings: Timings

    @property
    def busy_ms(self) -> float:
        """The node's own time for the frame, without its waiting."""
        spent = self.timings
        return spent.decode_ms + spent.preprocess_ms + spent.infer_ms + spent.postprocess_ms


class Pipeline:
    """Runs frames, at most :data:`IN_FLIGHT` at a time, in the order of their coming."""

    def __init__(self) -> None:
        self._steps: SimpleQueue[Step | None] = SimpleQueue()  # an executor's own future a frame costs as much again
        for number in range(IN_FLIGHT):
            Thread(target=_work_off, args=(self._steps,), name=f"frames-{number}", daemon=True).start()
        self._runtime = Lock()  # held while a model runs
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self.in_flight = 0
        self._busy_s = 0.0
        self._busy_since = 0.0

    @property
    def busy_s(self) -> float:
        """Seconds so far with a frame in the pipeline. Over frames this is what one takes, however many overlap."""
        return self._busy_s + (time.monotonic() - self._busy_since if self.in_flight else 0.0)

    async def run(self, servable: Servable, work: Work) -> Finished:
        """Take one frame through.

        Raises:
            DeadlineExceededError: its deadline passed while it waited; it was not run.
            ModelkitError: the payload or an output cannot be used.
            BrambleError: the backend's error.
            StuckError: a thread is lost.

        """
        async with self._slots:
            if not self.in_flight:
                self._busy_since = time.monotonic()
            self.in_flight += 1
            try:
                return await self._run(servable, work)
            finally:
                self.in_flight -= 1
                if not self.in_flight:
                    self._busy_s += time.monotonic() - self._busy_since

    def close(self) -> None:
        """Let the threads end; one that is stuck is left behind."""
        for _ in range(IN_FLIGHT):
            self._steps.put(None)

    async def _run(self, servable: Servable, work: Work) -> Finished:
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[Finished] = loop.create_future()
        stuck = loop.call_later(STUCK_S, _give_up, finished, work)
        self._steps.put(partial(self._take_through, servable, work, loop, finished))
        try:
            return await finished
        finally:
            stuck.cancel()

    def _take_through(
        self,
        servable: Servable,
        work: Work,
        loop: asyncio.AbstractEventLoop,
        finished: asyncio.Future[Finished],
    ) -> None:
        """Do a frame in this thread, and tell the loop what came of it."""
        found: Finished | BaseException
        try:
            found = self._do(servable, work)
        except BaseException as error:  # noqa: BLE001 - whoever awaits the frame gets it
            found = error
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left who waits
            loop.call_soon_threadsafe(_settle, finished, found)

    def _do(self, servable: Servable, work: Work) -> Finished:
        begun = time.monotonic()
        check_deadline(work, begun)
        prepared = servable.prepare(work.payload, work.order)
        prepared_at = time.monotonic()
        with self._runtime:
            entered = time.monotonic()
            check_deadline(work, entered)
            outputs = servable.infer(prepared)
        inferred_at = time.monotonic()
        outcome = servable.interpret(prepared, outputs, work.order)
        ended = time.monotonic()
        return Finished(
            outcome,
            prepared,
            Timings(
                queue_ms=max(0.0, (begun - work.arrived) + (entered - prepared_at)) * 1e3,
                decode_ms=prepared.decode_ms,
                preprocess_ms=prepared.preprocess_ms,
                infer_ms=(inferred_at - entered) * 1e3,
                postprocess_ms=(ended - inferred_at) * 1e3,
            ),
        )


def check_deadline(work: Work, now: float) -> None:
    """Refuse work that nobody waits for any more.

    Raises:
        DeadlineExceededError: its deadline has passed.

    """
    if now > work.deadline:
        raise DeadlineExceededError(
            f"the deadline of {work.order.deadline_ms} ms had passed {(now - work.deadline) * 1e3:.0f} ms ago",
            remedy="allow more time with Bramble-Deadline-Ms, or send to a node with less to do",
        )


def _work_off(steps: SimpleQueue[Step | None]) -> None:
    while (step := steps.get()) is not None:
        step()


def _settle(finished: asyncio.Future[Finished], found: Finished | BaseException) -> None:
    if finished.done():
        return  # given up, or cancelled
    if isinstance(found, BaseException):
        finished.set_exception(found)
    else:
        finished.set_result(found)


def _give_up(finished: asyncio.Future[Finished], work: Work) -> None:
    _settle(finished, StuckError(f"frame {work.order.frame} has been in a thread for {STUCK_S:.0f} s"))
