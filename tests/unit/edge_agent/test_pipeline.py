"""Frames go through the threads in the order of their coming, two at a time, and none is forgotten between them."""

from __future__ import annotations

import time
from queue import SimpleQueue
from threading import Lock

from edge_agent.backends.base import Findings, Prepared
from edge_agent.pipeline import IN_FLIGHT, Finished, Pipeline, Work
from wire.errors import DeadlineExceededError
from wire.headers import WorkOrder

FRAMES = 500
WITHIN_S = 20.0


class Watcher:
    """A servable that notes what is done at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running = 0
        self.most_running = 0
        self.most_inferring = 0
        self._inferring = 0
        self.begun: list[bytes] = []

    def check(self, payload: bytes) -> None:
        """Accept."""

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:  # noqa: ARG002 - a servable's signature
        with self._lock:
            self.begun.append(payload)
            self._running += 1
            self.most_running = max(self.most_running, self._running)
        return Prepared(1, 1, 0.0, 0.0)

    def infer(self, prepared: Prepared) -> tuple[()]:  # noqa: ARG002 - likewise
        with self._lock:
            self._inferring += 1
            self.most_inferring = max(self.most_inferring, self._inferring)
        time.sleep(0)  # lets another thread in
        with self._lock:
            self._inferring -= 1
        return ()

    def interpret(self, prepared: Prepared, outputs: object, order: WorkOrder) -> Findings:  # noqa: ARG002 - likewise
        with self._lock:
            self._running -= 1
        return Findings()

    def close(self) -> None:
        """Nothing is held."""


def make_work(number: int, *, deadline: float = float("inf")) -> Work:
    order = WorkOrder(frame=f"f{number}", digest="d", itinerary=(), deadline_ms=1000)
    return Work(order, str(number).encode(), time.monotonic(), deadline)


def test_every_frame_ends_once_while_threads_go_idle_and_are_woken_all_the_time() -> None:
    pipeline, model = Pipeline(), Watcher()
    ended: SimpleQueue[Finished | BaseException] = SimpleQueue()
    for number in range(FRAMES):
        pipeline.begin(model, make_work(number), ended.put)
        if number % 3 == 0:  # now and then they catch up
            assert isinstance(ended.get(timeout=WITHIN_S), Finished)
    for _ in range(FRAMES - len(range(0, FRAMES, 3))):
        assert isinstance(ended.get(timeout=WITHIN_S), Finished)
    pipeline.close()

    assert sorted(model.begun, key=int) == [str(number).encode() for number in range(FRAMES)]
    assert model.most_running <= IN_FLIGHT
    assert model.most_inferring == 1
    assert pipeline.in_flight == 0
    assert ended.empty()


def test_a_frame_that_waited_too_long_is_not_run_and_the_next_one_is() -> None:
    pipeline, model = Pipeline(), Watcher()
    ended: SimpleQueue[Finished | BaseException] = SimpleQueue()
    pipeline.begin(model, make_work(1, deadline=time.monotonic() - 1.0), ended.put)
    assert isinstance(ended.get(timeout=WITHIN_S), DeadlineExceededError)
    pipeline.begin(model, make_work(2), ended.put)
    assert isinstance(ended.get(timeout=WITHIN_S), Finished)
    pipeline.close()
    assert model.begun == [b"2"]


def test_what_was_begun_before_the_end_is_done() -> None:
    pipeline, model = Pipeline(), Watcher()
    ended: SimpleQueue[Finished | BaseException] = SimpleQueue()
    for number in range(20):
        pipeline.begin(model, make_work(number), ended.put)
    pipeline.close()
    for _ in range(20):
        assert isinstance(ended.get(timeout=WITHIN_S), Finished)
