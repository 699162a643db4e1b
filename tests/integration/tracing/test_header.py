"""The header that a node gets with a frame, on a real broker."""

from __future__ import annotations

import asyncio

import pytest

from controller.dispatch.candidate import Chain
from controller.dispatch.courier import BusCourier
from controller.dispatch.job import Job
from controller.tracing.otlp import OtlpTracer
from controller.tracing.tracer import NoTracer, Tracer
from wire import subjects
from wire.bus import Bus, Received
from wire.headers import Hop
from wire.messages import Answer, Timings, encode
from wire.trace import derive_id

JOB = Job(frame="f1", model="ssd", payload=b"picture", deadline=1e9)
CHAIN = Chain("ssd", "0" * 64, cut=None, stages=1)
PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"


async def send(bus: Bus, tracer: Tracer) -> str | None:
    """Send a frame to a node that answers; return the header that the node saw."""
    seen: asyncio.Queue[str | None] = asyncio.Queue()
    answer = Answer(
        frame=JOB.frame, model=JOB.model, version="1", digest="0" * 64, nodes=("pi-1",), width=1, height=1,
        timings=Timings(), classes=(),
    )  # fmt: skip

    async def serve(message: Received) -> None:
        await seen.put((message.headers or {}).get("traceparent"))
        await bus.data.publish(message.reply, encode(answer))

    subscription = await bus.data.subscribe(subjects.WORK.wildcard(node="pi-1"), serve)
    await BusCourier(bus.data, tracer).carry(JOB, CHAIN, (Hop("pi-1", 0),), within=5.0)
    await subscription.end()
    return seen.get_nowait()


async def test_while_tracing_is_off_a_frame_has_no_header(bus: Bus) -> None:
    assert await send(bus, NoTracer()) is None


@pytest.mark.parametrize(
    ("asked", "trace_id"), [(None, derive_id("f1", 32)), (f"00-{PARENT}-00f067aa0ba902b7-01", PARENT)]
)
async def test_a_frame_travels_under_its_own_trace_or_its_askers(bus: Bus, asked: str | None, trace_id: str) -> None:
    tracer = OtlpTracer("http://127.0.0.1:9/v1/traces", ratio=1.0, controller="c", version="1")
    tracer.adopt("f1", asked)
    try:
        assert await send(bus, tracer) == f"00-{trace_id}-{derive_id('f1/ssd', 16)}-01"
    finally:
        tracer.close()
