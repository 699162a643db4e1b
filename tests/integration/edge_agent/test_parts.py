"""A model's front divided by area over real agents: parts run side by side, one node puts them together and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from cli.local.broker import Broker
from modelkit.library import Library
from modelkit.tiling import Grid
from models import recipes
from tests.agent_testing.cutting import push_parts
from tests.agent_testing.models import make_jpeg, push_blob
from tests.agent_testing.running_agent import RunningAgent, read_answer, shard_of
from wire import subjects
from wire.bus import Bus, Received
from wire.errors import BrambleError, ErrorCode, error_from_json
from wire.headers import ERROR, GATHERED, Hop, WorkOrder
from wire.ids import new_frame_id
from wire.messages import Answer, Shard

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

VARIANT = "cpu-int8"
CUT = 16
JPEG = make_jpeg()


@dataclass(frozen=True)
class Team:
    """Three agents: the first has the whole model, and all together it in two bands and in four parts."""

    bus: Bus
    agents: Mapping[str, RunningAgent]
    whole: Shard
    bands: tuple[Shard, ...]
    quarters: tuple[Shard, ...]

    def order(self, shards: tuple[Shard, ...], **changes: Any) -> WorkOrder:
        hops = tuple(Hop(node, shard.stage) for shard in shards for node in self.agents if shard in self.held(node))
        order = WorkOrder(new_frame_id(), shards[0].artefact, hops, 5000, top_k=10, cut=shards[0].cut)
        return replace(order, **changes)

    def held(self, node: str) -> tuple[Shard, ...]:
        return tuple(each.shard for each in self.agents[node].heartbeats[-1].shards)

    async def send(self, order: WorkOrder, stage: int, payload: bytes = JPEG) -> Received:
        """Send one part's picture to its node."""
        subject = subjects.WORK.build(node=order.itinerary[stage].node, model="mobilenet_v2", stage=str(stage))
        return await self.bus.data.request(subject, payload, headers=order.to_headers(), within=10)

    async def infer(self, order: WorkOrder, payload: bytes = JPEG) -> tuple[Answer, int]:
        """Send all parts; the answer, and how many were told that their part came."""
        parts = len(order.itinerary) - 1
        replies = await asyncio.gather(*(self.send(order, part, payload) for part in range(parts)))
        told = [reply for reply in replies if GATHERED in (reply.headers or {})]
        (answer,) = (reply for reply in replies if GATHERED not in (reply.headers or {}))
        return read_answer(answer), len(told)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, library: Library) -> AsyncIterator[Team]:
    tmp_path = tmp_path_factory.mktemp("parts")
    mobilenet = recipes.build("mobilenet_v2", library, lambda _line: None)
    data = library.path(mobilenet.artefact(VARIANT)).read_bytes()
    broker = Broker.start(tmp_path / "broker")
    try:
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(Bus.connect(broker.context, name="test"))
            await push_blob(bus, data, tmp_path)
            known = mobilenet.known_answer
            assert known is not None
            await push_blob(bus, library.path(known.sha256).read_bytes(), tmp_path)
            whole = shard_of(mobilenet, VARIANT)
            bands = await push_parts(bus, mobilenet, VARIANT, data, at=CUT, grid=Grid(2))
            quarters = await push_parts(bus, mobilenet, VARIANT, data, at=CUT, grid=Grid(2, 2))
            shares = {
                "pi1": (whole, bands[0], quarters[0], quarters[1]),
                "pi2": (bands[1], quarters[2], quarters[4]),
                "pi3": (bands[2], quarters[3]),
            }
            agents = {}
            for node, shards in shares.items():
                agent = await stack.enter_async_context(
                    RunningAgent.start(bus, broker.context, tmp_path, node=node, backends="litert")
                )
                await agent.configure(mobilenet)
                await agent.assign_shards(*shards)
                agents[node] = agent
            for node, agent in agents.items():
                count = len(shares[node])
                await agent.wait_for(
                    lambda beat, count=count: (
                        len(beat.shards) == count and all(s.state == "ready" for s in beat.shards)
                    ),
                    within=120,
                )
            yield Team(bus, agents, whole, bands, quarters)
    finally:
        broker.stop()


async def test_parts_side_by_side_give_the_whole_models_answer_bit_for_bit(team: Team, cat_jpeg: bytes) -> None:
    for picture in (JPEG, cat_jpeg):
        whole = await team.agents["pi1"].infer(team.whole, picture)
        assert whole.classes is not None
        for shards in (team.bands, team.quarters):
            answer, told = await team.infer(team.order(shards), picture)
            assert answer.classes is not None
            assert answer.classes[: len(whole.classes)] == whole.classes
            assert (answer.width, answer.height, answer.digest) == (whole.width, whole.height, whole.digest)
            assert answer.cut == shards[0].cut
            assert len(answer.stages) == len(answer.nodes) == len(shards)
            assert told == len(shards) - 2
            fronts = [stage.infer_ms for stage in answer.stages[:-1]]
            assert min(fronts) > 0
            assert answer.timings.infer_ms < sum(fronts) + answer.stages[-1].infer_ms


async def test_many_frames_at_once_are_not_mixed_up(team: Team, cat_jpeg: bytes) -> None:
    pictures = [JPEG, cat_jpeg] * 3
    whole = [await team.agents["pi1"].infer(team.whole, picture) for picture in pictures[:2]]
    for start in range(0, len(pictures), 2):
        orders = [(team.order(team.bands), picture) for picture in pictures[start : start + 2]]
        answers = await asyncio.gather(*(team.infer(order, picture) for order, picture in orders))
        for (answer, _), expected in zip(answers, whole, strict=True):
            assert answer.classes is not None
            assert expected.classes is not None
            assert answer.classes[: len(expected.classes)] == expected.classes


async def test_a_frame_that_lacks_a_part_is_given_up_at_its_deadline_and_the_next_one_is_answered(team: Team) -> None:
    reply = await team.send(team.order(team.bands, deadline_ms=700), 0)
    error = error_from_json(reply.data)
    assert error is not None
    assert error.code is ErrorCode.DEADLINE_EXCEEDED
    assert "the parts [1] of 2" in error.message
    assert (await team.infer(team.order(team.bands)))[0].classes


async def test_the_same_part_twice_is_refused_and_the_frame_goes_on(team: Team) -> None:
    order = team.order(team.bands)
    first = asyncio.create_task(team.send(order, 0))
    again = asyncio.create_task(team.send(order, 0))
    done, _ = await asyncio.wait([first, again], return_when=asyncio.FIRST_COMPLETED)
    (refused,) = done
    error = error_from_json(refused.result().data)
    assert error is not None
    assert "came twice" in error.message
    await team.send(order, 1)
    answered = await (again if refused is first else first)
    assert read_answer(answered).classes


async def test_what_no_part_sends_is_refused(team: Team) -> None:
    order = team.order(team.bands)
    at_the_end = await team.send(order, 2, JPEG)
    assert ERROR in (at_the_end.headers or {})
    for changed in (replace(order, part=0), replace(order, itinerary=order.itinerary[:2])):
        error: BrambleError | None = error_from_json((await team.send(changed, 0)).data)
        assert error is not None
        assert error.code is ErrorCode.BAD_REQUEST
