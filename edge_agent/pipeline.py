"""The way of a frame through this node: one thread takes it all the way, a second one the frame after it.

So the next frame is decoded while the present one is inferred. A lock lets one thread at a time into the runtime. A
thread for each step instead would be woken three times a frame, and waking the event loop at a frame's end would cost
more than all that the frame is put through on its way: what came of it is heard of in the thread that did it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

import msgspec

from edge_agent.backends.base import Activations, Findings, Prepared, Servable
from wire.errors import DeadlineExceededError
from wire.headers import WorkOrder
from wire.messages import Timings

IN_FLIGHT = 2

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


End = Callable[[Finished | BaseException], None]
"""Is told, in the thread that did the frame, what came of it. Must not raise."""


Step = tuple[Servable, Work, End]


class Pipeline:
    """Runs frames, at most :data:`IN_FLIGHT` at a time, in the order of their coming.

    Each thread waits at a queue of its own: a frame that comes to a queue of both wakes both, one of them for nothing.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # of all that follows but the queues
        self._backlog: deque[Step] = deque()
        self._idle: list[SimpleQueue[Step | None]] = []  # the threads that wait; who began to last is taken first
        self.in_flight = 0
        self._busy_s = 0.0
        self._busy_since = 0.0
        self._runtime = Lock()  # held while a model runs
        self._queues: tuple[SimpleQueue[Step | None], ...] = tuple(SimpleQueue() for _ in range(IN_FLIGHT))
        for number, queue in enumerate(self._queues):
            Thread(target=self._work_off, args=(queue,), name=f"frames-{number}", daemon=True).start()

    @property
    def busy_s(self) -> float:
        """Seconds so far with a frame in the pipeline. Over frames this is what one takes, however many overlap."""
        with self._lock:
            return self._busy_s + (time.monotonic() - self._busy_since if self.in_flight else 0.0)

    def begin(self, servable: Servable, work: Work, end: End) -> None:
        """Have a frame taken through; ``end`` is told what came of it.

        Or which error: DeadlineExceededError where it waited too long and was not run, ModelkitError where the payload
        or an output cannot be used, or the backend's.
        """
        step = servable, work, end
        with self._lock:
            if not self._idle:
                self._backlog.append(step)
                return
            queue = self._idle.pop()
        queue.put(step)

    def close(self) -> None:
        """Let the threads end; one that is stuck is left behind."""
        for queue in self._queues:
            queue.put(None)

    def _work_off(self, queue: SimpleQueue[Step | None]) -> None:
        while self._take_next(queue):
            pass  # and nothing of the frame before is kept while the next one is waited for

    def _take_next(self, queue: SimpleQueue[Step | None]) -> bool:
        """Do a frame in this thread; False when there are to be no more."""
        with self._lock:
            step = self._backlog.popleft() if self._backlog else None
            if step is None:
                self._idle.append(queue)
        step = step or queue.get()
        if step is None:
            return False
        servable, work, end = step
        self._enter()
        found = self._try(servable, work)
        self._leave()
        end(found)
        return True

    def _enter(self) -> None:
        with self._lock:
            if not self.in_flight:
                self._busy_since = time.monotonic()
            self.in_flight += 1

    def _leave(self) -> None:
        with self._lock:
            self.in_flight -= 1
            if not self.in_flight:
                self._busy_s += time.monotonic() - self._busy_since

    def _try(self, servable: Servable, work: Work) -> Finished | BaseException:
        try:
            return self._do(servable, work)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the frame gets it
            return error

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
