"""Plans in force: shards on real agents, new before old, and back again."""

from __future__ import annotations

import asyncio
import signal
import sys

import msgspec
import pytest

from benchmarks.bench_cluster import MODEL, NodeSpec, make_manifest, open_cluster
from modelkit.manifest import SimulatedSpec
from tests.agent_testing.models import make_jpeg
from tests.testing.load import under_load
from wire import subjects
from wire.bus import Received
from wire.headers import InferOptions
from wire.messages import Event, Result, ShardState, decode
from wire.plans import PlanRequest
from wire.status import ClusterStatus

SPEC = SimulatedSpec(seconds=0.03, operators=12, activation_bytes=20_000, memory_bytes=120_000_000)
TWO = PlanRequest(model=MODEL, stages=2)


def list_ready(status: ClusterStatus) -> dict[str, set[tuple[int, int]]]:
    """For each node the ranges that it serves; a whole model is (0, 0)."""
    return {
        node.node: {
            (report.shard.start, report.shard.end)
            for report in node.heartbeat.shards
            if report.state is ShardState.READY
        }
        for node in status.nodes
    }


async def test_a_pipeline_is_put_into_force_with_the_whole_model_serving_until_it_is_ready() -> None:
    async with open_cluster([NodeSpec(name, 0.03) for name in ("a", "b")]) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 2)
        report = await bench.cluster.apply_plan(TWO)
        assert report.applied
        held = [list_ready(await bench.wait_for(lambda _: True))]
        await bench.wait_settled(MODEL)
        held.append(list_ready(await bench.wait_for(lambda _: True)))
        assert held[0]["a"] >= {(0, 0)}  # what it replaces is still there
        (first, second) = report.options[0].pipelines[0]
        stages = {first.nodes[0]: (first.start, first.end), second.nodes[0]: (second.start, second.end)}
        assert held[1] == {node: {stage, (0, 0)} for node, stage in stages.items()}  # the whole one is in reserve
        plan = (await bench.cluster.show_plan(MODEL)).plan
        assert plan is not None
        assert plan.layout.spares == ("a", "b")
        found = await bench.cluster.infer(MODEL, make_jpeg(), InferOptions(deadline_ms=10_000))
        assert isinstance(found, Result)
        assert len(found.nodes) == 2
        await bench.cluster.reset_plan(MODEL)
        await bench.wait_settled(MODEL)
        await bench.wait_for(lambda status: list_ready(status) == {"a": {(0, 0)}, "b": {(0, 0)}})
        assert (await bench.cluster.show_plan(MODEL)).plan is None


async def test_the_command_applies_a_plan_waits_for_it_and_says_what_it_gives() -> None:
    async with open_cluster([NodeSpec(name, 0.03) for name in ("a", "b")]) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 2)
        options = ("--stages", "2", "--apply", "--measure", "--seconds", "1", "--json")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "plan", MODEL, *options),
            *("--context", str(bench.directory / "a.context.json")),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        report, measured = (msgspec.json.decode(line) for line in said.splitlines())
        assert report["applied"]
        assert measured["failed"] == []
        assert measured["measured_throughput_s"] > 0
        assert measured["predicted_throughput_s"] == pytest.approx(report["options"][0]["throughput_s"])
        plan = (await bench.cluster.show_plan(MODEL)).plan
        assert plan is not None
        assert plan.settled


async def test_a_plan_outlives_its_controller() -> None:
    async with open_cluster([NodeSpec(name, 0.03) for name in ("a", "b")]) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 2)
        await bench.cluster.apply_plan(TWO)
        await bench.wait_settled(MODEL)
        before = (await bench.cluster.show_plan(MODEL)).plan
        bench.end("controller")
        bench.start_controller()
        await bench.wait_for(lambda status: len(status.nodes) == 2)
        assert (await bench.cluster.show_plan(MODEL)).plan == before
        await bench.wait_for(lambda status: all(len(each) == 2 for each in list_ready(status).values()))


async def test_frames_find_their_way_while_plans_change_and_each_gets_one_answer() -> None:
    async with open_cluster([NodeSpec(name, 0.02) for name in ("a", "b")]) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 2)
        async with under_load(bench) as load:
            for _ in range(2):
                await bench.cluster.apply_plan(TWO)
                await bench.wait_settled(MODEL)
                await load.wait_for_answers(10)
                await bench.cluster.reset_plan(MODEL)
                await bench.wait_settled(MODEL)
        assert load.failures == []
        assert len({each.frame for each in load.results}) == len(load.results)
        assert {len(each.nodes) for each in load.results} == {1, 2}  # both ways were taken


async def test_a_stage_that_loses_its_last_node_is_planned_anew_and_told_as_an_event() -> None:
    async with open_cluster([NodeSpec(name, 0.03) for name in ("a", "b", "c")]) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 3)
        events: list[Event] = []

        async def note(message: Received) -> None:
            events.append(decode(message.data, Event))

        await bench.bus.control.subscribe(subjects.MODEL_EVENT.wildcard(model=MODEL), note)
        report = await bench.cluster.apply_plan(TWO)
        await bench.wait_settled(MODEL)
        (alone,) = (stage.nodes[0] for stage in report.options[0].pipelines[0] if len(stage.nodes) == 1)
        bench.end(alone, signal.SIGKILL)

        async def planned_anew() -> bool:
            plan = (await bench.cluster.show_plan(MODEL)).plan
            if plan is None or not plan.settled:
                return False
            return all(alone not in stage.nodes for stages in plan.layout.pipelines for stage in stages)

        await bench.wait_until(planned_anew)
        found = await bench.cluster.infer(MODEL, make_jpeg(), InferOptions(deadline_ms=10_000))
        assert isinstance(found, Result)
        assert sorted(found.nodes) == sorted({"a", "b", "c"} - {alone})
        changes = [event.text for event in events if event.kind == "plan-changed"]
        assert len(changes) == 2
        assert "cannot run any more" in changes[1]
