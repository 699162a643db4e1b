"""The way of a frame through this node: one thread prepares and interprets, another infers.

So the next frame is decoded while the present one is inferred, and a runtime is only ever entered by one thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from edge_agent.backends.base import Activations, Findings, Prepared, Servable
from wire.errors import DeadlineExceededError
from wire.headers import WorkOrder
from wire.messages import Timings

if TYPE_CHECKING:
    from edge_agent.backends.base import Array

IN_FLIGHT = 2
STUCK_S = 150.0
"""How long a step of a frame may take, with that of the frame before it; beyond, the thread counts as lost."""

T = TypeVar("T")


class StuckError(RuntimeError):
    """A thread did not come back from native code. It cannot be freed: the process has to end."""


@dataclass(frozen=True, slots=True)
class Work:
    """One frame that was taken. Times by ``time.monotonic``."""

    order: WorkOrder
    payload: bytes
    arrived: float
    deadline: float
    network_ms: float = 0.0  # from the stage before, by both nodes' clocks


@dataclass(frozen=True, slots=True)
class Finished:
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
        self._pictures = ThreadPoolExecutor(1, "pictures")
        self._inference = ThreadPoolExecutor(1, "inference")
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
        self._pictures.shutdown(wait=False, cancel_futures=True)
        self._inference.shutdown(wait=False, cancel_futures=True)

    async def _run(self, servable: Servable, work: Work) -> Finished:
        begun, prepared = await self._in_thread(
            self._pictures, work, lambda: servable.prepare(work.payload, work.order)
        )
        prepared_at = time.monotonic()
        entered, (outputs, infer_ms) = await self._in_thread(
            self._inference, work, lambda: _timed(lambda: servable.infer(prepared))
        )
        inferred_at = time.monotonic()
        resumed, (outcome, postprocess_ms) = await self._in_thread(
            self._pictures, work, lambda: _timed(lambda: _interpret(servable, prepared, outputs, work.order))
        )
        waited = (begun - work.arrived) + (entered - prepared_at) + (resumed - inferred_at)
        return Finished(
            outcome,
            prepared,
            Timings(
                queue_ms=max(0.0, waited * 1e3),
                decode_ms=prepared.decode_ms,
                preprocess_ms=prepared.preprocess_ms,
                infer_ms=infer_ms,
                postprocess_ms=postprocess_ms,
            ),
        )

    async def _in_thread(self, thread: ThreadPoolExecutor, work: Work, do: Callable[[], T]) -> tuple[float, T]:
        """Do one step in a thread, and say when it began."""

        def step() -> tuple[float, T]:
            begun = time.monotonic()
            check_deadline(work, begun)
            return begun, do()

        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(thread, step), STUCK_S)
        except TimeoutError as error:
            raise StuckError(f"frame {work.order.frame} has been in a thread for {STUCK_S:.0f} s") from error


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


def _interpret(
    servable: Servable, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder
) -> Findings | Activations:
    return servable.interpret(prepared, outputs, order)


def _timed(do: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    found = do()
    return found, (time.perf_counter() - started) * 1e3
