"""A model cut over real agents: activations go from node to node, the last one answers; hostile ones meet errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from msgspec.structs import replace

from cli.local.broker import Broker
from tests.agent_testing.cutting import push_stages
from tests.agent_testing.models import SmallClassifier, make_jpeg, push_blob, small_manifest
from tests.agent_testing.running_agent import RunningAgent, read_answer, shard_of
from wire import subjects
from wire.bus import Bus, Received
from wire.cuts import cut_id
from wire.errors import BrambleError, ErrorCode, error_from_json
from wire.headers import NODE, Hop, WorkOrder
from wire.ids import new_frame_id
from wire.messages import Answer, Shard, StageTimings
from wire.precision import Precision
from wire.tensors import encode_tensors, from_array

pytestmark = pytest.mark.asyncio(loop_scope="module")

JPEG = make_jpeg()
TFLITE = SmallClassifier().finish()  # mean, connect, softmax
MANIFEST = small_manifest(TFLITE)
NODES = ("pi1", "pi2", "pi3")


@dataclass(frozen=True)
class Chain:
    """Three agents, each with its stage of a cut in three; the first two also with those of a cut in two."""

    bus: Bus
    agents: Mapping[str, RunningAgent]
    whole: Shard
    three: tuple[Shard, ...]
    two: tuple[Shard, ...]

    def order(self, stages: tuple[Shard, ...], nodes: tuple[str, ...] = NODES, **changes: Any) -> WorkOrder:
        hops = tuple(Hop(node, shard.stage) for node, shard in zip(nodes, stages, strict=False))
        first = stages[0]
        order = WorkOrder(new_frame_id(), first.artefact, hops, 5000, top_k=10, cut=first.cut)
        return replace(order, **changes)

    async def send(self, order: WorkOrder, payload: bytes = JPEG, stage: int = 0) -> Received:
        node = order.itinerary[stage].node
        subject = subjects.WORK.build(node=node, model="small", stage=str(stage))
        return await self.bus.data.request(subject, payload, headers=order.to_headers(), within=10)

    async def infer(self, order: WorkOrder) -> Answer:
        return read_answer(await self.send(order))

    async def fail(self, order: WorkOrder, payload: bytes = JPEG, stage: int = 0) -> tuple[BrambleError, str]:
        """Return the error that comes back, and the node where it happened."""
        reply = await self.send(order, payload, stage)
        error = error_from_json(reply.data)
        assert error is not None, reply.data
        return error, (reply.headers or {})[NODE]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chain]:
    tmp_path = tmp_path_factory.mktemp("stages")
    broker = Broker.start(tmp_path / "broker")
    try:
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(Bus.connect(broker.context, name="test"))
            await push_blob(bus, TFLITE, tmp_path)
            whole = shard_of(MANIFEST, "cpu-f32")
            three = await push_stages(bus, MANIFEST, "cpu-f32", TFLITE, at=(1, 2))
            two = await push_stages(bus, MANIFEST, "cpu-f32", TFLITE, at=(2,))
            agents = {}
            for node, shards in zip(NODES, ((whole, three[0], two[0]), (three[1], two[1]), three[2:]), strict=True):
                agent = await stack.enter_async_context(
                    RunningAgent.start(bus, broker.context, tmp_path, node=node, backends="litert")
                )
                await agent.configure(MANIFEST)
                await agent.assign_shards(*shards)
                agents[node] = agent
            for agent in agents.values():
                await agent.wait_for(lambda beat: bool(beat.shards) and all(s.state == "ready" for s in beat.shards))
            yield Chain(bus, agents, whole, three, two)
    finally:
        broker.stop()


async def test_a_chain_of_nodes_gives_the_whole_models_answer_bit_for_bit_and_says_who_did_what(chain: Chain) -> None:
    whole = await chain.agents["pi1"].infer(chain.whole, JPEG)
    for stages in (chain.three, chain.two):
        answer = await chain.infer(chain.order(stages))
        assert (answer.classes, answer.width, answer.height) == (whole.classes, whole.width, whole.height)
        assert answer.digest == whole.digest
        assert answer.cut == stages[0].cut
        assert answer.nodes == tuple(each.node for each in answer.stages) == NODES[: len(stages)]
        assert all(each.infer_ms > 0 for each in answer.stages)
        assert [each.sent_bytes > 0 for each in answer.stages] == [True] * (len(stages) - 1) + [False]
        assert answer.timings.infer_ms == pytest.approx(sum(each.infer_ms for each in answer.stages))
        assert answer.wire == ()


async def test_a_hop_in_fewer_bits_is_said_in_the_answer_and_is_close(chain: Chain) -> None:
    exact = await chain.infer(chain.order(chain.three))
    assert exact.classes is not None
    for precision in (Precision.F16, Precision.INT8):
        hops = (Hop("pi1", 0, precision), Hop("pi2", 1), Hop("pi3", 2))
        answer = await chain.infer(chain.order(chain.three, itinerary=hops))
        assert answer.wire == (precision, Precision.EXACT)
        assert answer.classes is not None
        scores = [{each.label: each.score for each in classes} for classes in (exact.classes, answer.classes)]
        assert scores[0] == pytest.approx(scores[1], abs=0.01)


async def test_a_next_node_that_is_not_there_is_told_at_once_and_by_name(chain: Chain) -> None:
    error, node = await chain.fail(chain.order(chain.three, nodes=("pi1", "gone", "pi3"), deadline_ms=600_000))
    assert (error.code, node) == (ErrorCode.NO_CAPACITY, "gone")
    assert "nobody serves stage 1 of small on gone" in error.message


async def test_a_node_that_holds_another_cut_of_the_model_refuses_the_frame(chain: Chain) -> None:
    order = chain.order(chain.three, cut=cut_id(chain.whole.digest, (1, 3)))
    error, node = await chain.fail(order)
    assert (error.code, node) == (ErrorCode.MODEL_REJECTED, "pi1")
    mixed = chain.order(chain.two, nodes=("pi1", "pi3"))  # pi3 has stage 2 of another cut, and no stage 1
    error, node = await chain.fail(mixed)
    assert (error.code, node) == (ErrorCode.NO_CAPACITY, "pi3")


async def test_a_deadline_that_passes_on_the_way_is_told_by_the_node_where_it_did(chain: Chain) -> None:
    error, node = await chain.fail(chain.order(chain.three, deadline_ms=1))
    assert error.code is ErrorCode.DEADLINE_EXCEEDED
    assert node in NODES


def tensors(*arrays: np.ndarray) -> bytes:
    return encode_tensors([from_array(array) for array in arrays])


GOOD = np.zeros((1, 3), np.float32)
HOSTILE = {
    "a picture": JPEG,
    "nothing": b"",
    "a wrong shape": tensors(np.zeros((1, 4), np.float32)),
    "a wrong type": tensors(GOOD.astype(np.int8)),
    "half floats where exact ones were agreed": tensors(GOOD.astype(np.float16)),
    "not a number": tensors(GOOD * np.nan),
    "infinity": tensors(GOOD + np.inf),
    "two tensors": tensors(GOOD, GOOD),
    "no tensor": tensors(),
    "a payload that ends early": tensors(GOOD)[:-1],
    "a payload that goes on": tensors(GOOD) + b"\0",
    "a claim of terabytes": b"BRT1\x01\x00\x00\x01" + b"\xff" * 12,
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_activations_are_refused_as_invalid_tensors_by_the_node_that_gets_them(
    chain: Chain, payload: bytes
) -> None:
    order = chain.order(chain.three, picture=(64, 48), done=(StageTimings(node="pi1"),))
    good = read_answer(await chain.send(order, tensors(GOOD), stage=1))
    assert good.nodes == NODES
    error, node = await chain.fail(order, payload, stage=1)
    assert (error.code, node) == (ErrorCode.INVALID_TENSOR, "pi2")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"picture": None}, "Bramble-Picture is missing"),
        ({"done": ()}, "the timings of 0 stages"),
        ({"itinerary": (Hop("pi1", 0), Hop("pi2", 1))}, "does not lead to stage 1 of 3"),
        ({"itinerary": (Hop("pi1", 0), Hop("pi3", 1), Hop("pi2", 2))}, "does not lead to stage 1 of 3"),
        ({"itinerary": (Hop("pi1", 0), Hop("pi2", 1), Hop("pi3", 1))}, "does not lead to stage 1 of 3"),
    ],
)
async def test_an_order_that_contradicts_itself_is_refused(chain: Chain, changes: dict[str, Any], problem: str) -> None:
    order = chain.order(chain.three, picture=(64, 48), done=(StageTimings(node="pi1"),))
    changed = replace(order, **changes)
    subject = subjects.WORK.build(node="pi2", model="small", stage="1")
    reply = await chain.bus.data.request(subject, tensors(GOOD), headers=changed.to_headers(), within=10)
    error = error_from_json(reply.data)
    assert error is not None
    assert error.code is ErrorCode.BAD_REQUEST
    assert problem in error.message
