"""The worker on a real bus, with models whose mishaps the test chooses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edge_agent import pipeline
from edge_agent.backends.base import Findings, Prepared
from edge_agent.pipeline import StuckError
from edge_agent.replies import to_wire
from edge_agent.worker import MAX_FAULTS, Worker
from modelkit import errors
from tests.agent_testing.models import simulated_manifest
from tests.agent_testing.running_agent import read_answer, shard_of
from wire import subjects
from wire.bus import Bus, Received
from wire.errors import BadImageError, BrambleError, ErrorCode, InternalError, NoCapacityError, error_from_json
from wire.headers import Hop, WorkOrder
from wire.messages import Class

SHARD = shard_of(simulated_manifest(), "simulated")
SUBJECT = subjects.WORK.build(node="pi1", model="sim", stage="0")


class Model:
    """A servable whose inference is the test's own function; it says when it is entered."""

    def __init__(self, infer: Callable[[], None] = lambda: None) -> None:
        self._infer = infer
        self.entered = threading.Event()
        self.prepared = threading.Semaphore(0)
        self.closed = False

    def check(self, payload: bytes) -> None:
        if payload == b"strange":
            raise KeyError(payload)

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:  # noqa: ARG002 - a servable's signature
        self.prepared.release()
        return Prepared(1, 1, decode_ms=1.0, preprocess_ms=1.0)

    def infer(self, prepared: Prepared) -> tuple[()]:  # noqa: ARG002 - likewise
        self.entered.set()
        self._infer()
        return ()

    def interpret(self, prepared: Prepared, outputs: object, order: WorkOrder) -> Findings:  # noqa: ARG002 - likewise
        return Findings(classes=(Class(label="thing", index=0, score=1.0),))

    def close(self) -> None:
        self.closed = True


class Gate:
    """An inference that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self) -> None:
        assert self.open.wait(20)


@asynccontextmanager
async def serving(bus: Bus, model: Model) -> AsyncIterator[tuple[Worker, list[str], list[StuckError]]]:
    """Serve the model; what broke and what got stuck is noted."""
    broken: list[str] = []
    stuck: list[StuckError] = []
    worker = Worker("pi1", bus.data, on_stuck=stuck.append)
    await worker.serve(SHARD, model, lambda _, reason: broken.append(reason))
    try:
        yield worker, broken, stuck
    finally:
        worker.close()


async def send(bus: Bus, payload: bytes = b"frame") -> Received:
    order = WorkOrder(frame="f", digest=SHARD.digest, itinerary=(Hop("pi1", 0),), deadline_ms=10_000)
    return await bus.control.request(SUBJECT, payload, headers=order.to_headers(), within=10)


async def code(bus: Bus, payload: bytes = b"frame") -> ErrorCode:
    error = error_from_json((await send(bus, payload)).data)
    assert error is not None
    return error.code


def fail(error: Exception) -> Callable[[], None]:
    def infer() -> None:
        raise error

    return infer


async def test_a_model_that_keeps_failing_is_reported_as_broken_once_it_has_failed_often_enough(bus: Bus) -> None:
    async with serving(bus, Model(fail(InternalError("the device is gone")))) as (worker, broken, _):
        for _ in range(MAX_FAULTS - 1):
            assert await code(bus) is ErrorCode.INTERNAL
        assert broken == []
        assert await code(bus) is ErrorCode.INTERNAL
        assert broken == ["failed 3 times in a row: the device is gone"]
        assert worker.tally(SHARD).failed == MAX_FAULTS


async def test_frames_that_are_at_fault_themselves_never_break_a_model(bus: Bus) -> None:
    async with serving(bus, Model(fail(BadImageError("half a picture")))) as (_, broken, _):
        for _ in range(2 * MAX_FAULTS):
            assert await code(bus) is ErrorCode.BAD_IMAGE
        assert broken == []


@pytest.mark.parametrize("payload", [b"frame", b"strange"])
async def test_an_exception_that_nobody_foresaw_is_answered_as_internal(
    bus: Bus, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(bus, Model(fail(ZeroDivisionError("nobody foresaw")))):
        assert await code(bus, payload) is ErrorCode.INTERNAL
    assert any(record.exc_info for record in caplog.records)


async def test_a_thread_that_does_not_come_back_is_reported(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "STUCK_S", 0.1)
    gate = Gate()
    async with serving(bus, Model(gate)) as (_, _, stuck):
        assert await code(bus) is ErrorCode.INTERNAL
        assert len(stuck) == 1
        gate.open.set()


async def test_the_next_frame_is_decoded_while_the_present_one_is_inferred_and_no_more_than_that(bus: Bus) -> None:
    gate = Gate()
    model = Model(gate)
    async with serving(bus, model) as (worker, _, _):
        replies = [asyncio.create_task(send(bus)) for _ in range(3)]
        for _ in range(2):
            assert await asyncio.to_thread(model.prepared.acquire, timeout=5)
        await bus.control.flush()
        await bus.data.flush()
        assert (worker.in_flight, worker.queued) == (2, 1)
        assert not model.prepared.acquire(blocking=False)
        gate.open.set()
        for reply in replies:
            assert read_answer(await reply).frame == "f"
        assert worker.in_flight == 0


async def test_frames_that_do_not_end_before_the_agent_leaves_are_refused(bus: Bus) -> None:
    gate = Gate()
    model = Model(gate)
    async with serving(bus, model) as (worker, _, _):
        replies = [asyncio.create_task(send(bus)) for _ in range(2)]
        await asyncio.to_thread(model.entered.wait, 5)
        await worker.leave(within=0.1)
        for reply in replies:
            assert isinstance(error_from_json((await reply).data), NoCapacityError)
        gate.open.set()
    assert model.closed


async def test_a_model_is_replaced_under_the_frames_that_are_in_flight(bus: Bus) -> None:
    gate = Gate()
    old, new = Model(gate), Model()
    async with serving(bus, old) as (worker, _, _):
        first = asyncio.create_task(send(bus))
        await asyncio.to_thread(old.entered.wait, 5)
        replacing = asyncio.create_task(worker.serve(SHARD, new, lambda *_: None))
        second = asyncio.create_task(send(bus))
        gate.open.set()
        for reply in (first, second):
            assert read_answer(await reply).classes is not None
        await asyncio.wait_for(replacing, 5)
        assert old.closed
        assert not new.closed
        assert worker.tally(SHARD).served >= 1


async def test_a_withdrawn_model_finishes_its_frames_before_it_is_closed(bus: Bus) -> None:
    gate = Gate()
    model = Model(gate)
    async with serving(bus, model) as (worker, _, _):
        reply = asyncio.create_task(send(bus))
        await asyncio.to_thread(model.entered.wait, 5)
        leaving = asyncio.create_task(worker.withdraw(SHARD))
        gate.open.set()
        assert read_answer(await reply).frame == "f"
        await asyncio.wait_for(leaving, 5)
        assert model.closed


async def test_work_that_nobody_waits_for_is_not_done(bus: Bus) -> None:
    model = Model()
    async with serving(bus, model):
        order = WorkOrder(frame="f", digest=SHARD.digest, itinerary=(Hop("pi1", 0),), deadline_ms=1000)
        await bus.control.publish(SUBJECT, b"frame", headers=order.to_headers())
        await bus.control.flush()
        await bus.data.flush()
        assert not model.entered.is_set()


def test_every_error_of_modelkit_has_its_code_on_the_wire() -> None:
    kinds = [errors.BadImageError, errors.TooLargeError, errors.InvalidTensorError, errors.ModelRejectedError]
    for kind in [*kinds, errors.UnknownModelError]:
        found: BrambleError = to_wire(kind("what", remedy="do"))
        assert (found.code, found.message, found.remedy) == (kind.code, "what", "do")
        assert type(found).__name__ == kind.__name__
