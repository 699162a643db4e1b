"""What a real agent says to hostile frames: the right error, at once, and it goes on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest
import pytest_asyncio

from cli.local.broker import Broker
from tests.agent_testing.models import (
    SmallClassifier,
    claim_size,
    make_jpeg,
    push_blob,
    simulated_manifest,
    small_manifest,
)
from tests.agent_testing.running_agent import RunningAgent
from tests.testing.raw_client import raw_client
from wire import subjects
from wire.bus import Bus
from wire.context import Context
from wire.errors import ErrorCode, error_from_json
from wire.headers import Hop, WorkOrder
from wire.messages import Shard
from wire.tensors import encode_tensors, from_array

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK_S = 0.1
JPEG = make_jpeg()
SHAPE = (1, 24, 32, 3)


@dataclass(frozen=True)
class Target:
    """A running agent and what it serves."""

    context: Context
    agent: RunningAgent
    real: Shard
    simulated: Shard


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """One agent that serves a real and a simulated model to all tests of this module."""
    tmp_path = tmp_path_factory.mktemp("hostile")
    broker = Broker.start(tmp_path / "broker")
    try:
        async with Bus.connect(broker.context, name="test") as bus:
            tflite = SmallClassifier().finish()
            await push_blob(bus, tflite, tmp_path)
            async with RunningAgent.start(bus, broker.context, tmp_path, backends="litert,simulated") as agent:
                simulated = await agent.ready(simulated_manifest(), "simulated")
                manifest = small_manifest(tflite)
                await agent.configure(manifest)
                real = Shard(model="small", version="1", variant="cpu-f32", digest=manifest.digest("cpu-f32"))
                await agent.assign_shards(simulated, real)
                await agent.wait_for(
                    lambda beat: len(beat.shards) == 2 and all(s.state == "ready" for s in beat.shards)
                )
                yield Target(broker.context, agent, real, simulated)
    finally:
        broker.stop()


def tensors(*arrays: np.ndarray) -> bytes:
    return encode_tensors([from_array(array) for array in arrays])


NAN = np.full(SHAPE, np.nan, np.float32)
INFINITE = np.full(SHAPE, np.inf, np.float32)

PICTURES = {
    "nothing": (b"", ErrorCode.BAD_IMAGE),
    "random bytes": (random.Random(1).randbytes(5000), ErrorCode.BAD_IMAGE),  # noqa: S311 - reproducible, not secret
    "a JPEG's first two bytes": (JPEG[:2], ErrorCode.BAD_IMAGE),
    "a header of 32000x32000": (claim_size(JPEG, 32000, 32000), ErrorCode.TOO_LARGE),
    "a header without pixels": (claim_size(JPEG, 0, 0), ErrorCode.BAD_IMAGE),
    "tensors that end early": (tensors(np.zeros(SHAPE, np.float32))[:-1], ErrorCode.INVALID_TENSOR),
    "tensors that claim terabytes": (b"BRT1\x01\x00\x00\x01" + b"\xff" * 12, ErrorCode.INVALID_TENSOR),
}
FOR_REAL_MODELS = {
    "half a JPEG": (JPEG[: len(JPEG) // 2], ErrorCode.BAD_IMAGE),
    "not a number": (tensors(NAN), ErrorCode.INVALID_TENSOR),
    "infinity": (tensors(INFINITE), ErrorCode.INVALID_TENSOR),
    "a wrong shape": (tensors(np.zeros((1, 24, 32, 4), np.float32)), ErrorCode.INVALID_TENSOR),
    "a wrong type": (tensors(np.zeros(SHAPE, np.int8)), ErrorCode.INVALID_TENSOR),
    "two tensors": (tensors(np.zeros(SHAPE, np.float32), NAN), ErrorCode.INVALID_TENSOR),
    "no tensor": (tensors(), ErrorCode.INVALID_TENSOR),
}
HEADERS = {
    "none": {},
    "no digest": {"Bramble-Frame": "f", "Bramble-Itinerary": "pi1/0", "Bramble-Deadline-Ms": "100"},
    "garbage": {
        "Bramble-Frame": "\x7f" * 500,
        "Bramble-Digest": "..",
        "Bramble-Itinerary": ",,,//",
        "Bramble-Deadline-Ms": "-1e9",
    },
}


async def refuse(target: Target, shard: Shard, payload: bytes, code: ErrorCode, **options: object) -> None:
    """Hold that the frame is refused with the code, quickly, and that the next good one is answered."""
    spent = []
    for _ in range(3):  # the machine may pause once, but not at every try
        started = time.monotonic()
        reply = await target.agent.send(shard, payload, **options)
        spent.append(time.monotonic() - started)
    error = error_from_json(reply.data)
    assert error is not None, reply.data[:200]
    assert error.code is code, error
    assert reply.headers is not None
    assert reply.headers["Bramble-Error"] == code
    assert min(spent) < QUICK_S
    assert (await target.agent.infer(shard, JPEG)).width == 64


@pytest.mark.parametrize("kind", ["real", "simulated"])
@pytest.mark.parametrize("name", PICTURES)
async def test_a_hostile_payload_is_refused_at_once(target: Target, name: str, kind: str) -> None:
    payload, code = PICTURES[name]
    await refuse(target, getattr(target, kind), payload, code)


@pytest.mark.parametrize("name", FOR_REAL_MODELS)
async def test_a_payload_that_a_runtime_would_take_silently_is_refused(target: Target, name: str) -> None:
    payload, code = FOR_REAL_MODELS[name]
    await refuse(target, target.real, payload, code)


@pytest.mark.parametrize("name", HEADERS)
async def test_garbage_in_the_headers_is_a_bad_request(target: Target, name: str) -> None:
    await refuse(target, target.real, JPEG, ErrorCode.BAD_REQUEST, headers=HEADERS[name])


@pytest.mark.parametrize(
    "block",
    [b"NATS/1.0\r\nno colon\r\n\r\n", b"NATS/1.0\r\n\xff\xfe: \xff\r\n\r\n", b"\x00" * 40, b"NATS/9.9 \r\n\r\n"],
)
async def test_a_header_block_that_is_none_is_a_bad_request(target: Target, block: bytes) -> None:
    async with raw_client(target.context) as raw:
        subject = subjects.WORK.build(node="pi1", model="small", stage="0")
        error = error_from_json(await raw.request(subject, JPEG, headers=block))
    assert error is not None
    assert error.code is ErrorCode.BAD_REQUEST
    assert (await target.agent.infer(target.real, JPEG)).width == 64


async def test_a_digest_that_is_not_served_is_refused(target: Target) -> None:
    await refuse(target, target.real, JPEG, ErrorCode.MODEL_REJECTED, digest="0" * 64)


async def test_an_itinerary_that_leads_elsewhere_is_a_bad_request(target: Target) -> None:
    order = WorkOrder(frame="f", digest=target.real.digest, itinerary=(Hop("pi2", 0),), deadline_ms=1000)
    await refuse(target, target.real, JPEG, ErrorCode.BAD_REQUEST, headers=order.to_headers())


async def test_finite_tensors_of_the_right_shape_are_inferred(target: Target) -> None:
    picture = np.zeros(SHAPE, np.float32)
    picture[..., 1] = 1.0
    answer = await target.agent.infer(target.real, tensors(picture))
    assert answer.classes is not None
    assert answer.classes[0].label == "green"


async def test_a_storm_of_mutated_pictures_gets_typed_errors_or_answers(target: Target) -> None:
    chance = random.Random(7)  # noqa: S311 - reproducible, not secret
    for _ in range(200):
        broken = bytearray(JPEG)
        for _ in range(chance.randint(1, 8)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        reply = await target.agent.send(target.real, bytes(broken[: chance.randint(1, len(broken))]))
        error = error_from_json(reply.data)
        assert error is None or error.code in {ErrorCode.BAD_IMAGE, ErrorCode.TOO_LARGE}, error
    assert (await target.agent.infer(target.real, JPEG)).width == 64
    await asyncio.wait_for(target.agent.bus.data.flush(), 2)
