"""Nodes of a pipeline that die or hang under load: every frame has exactly one result all the same."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from benchmarks.bench_cluster import MODEL, BenchCluster, NodeSpec, make_manifest, open_cluster
from benchmarks.picture import make_picture
from modelkit.manifest import Manifest, SimulatedSpec
from tests.agent_testing.running_agent import shard_of
from wire import subjects
from wire.bus import Received
from wire.cuts import cut_id
from wire.errors import error_from_json
from wire.headers import DEADLINE
from wire.messages import Assignment, Event, Result, Shard, decode, encode
from wire.status import ClusterStatus

SPEC = SimulatedSpec(seconds=0.06, operators=3, activation_bytes=50_000)
STAGES = 3
PICTURE = make_picture(320, 240)


def cut(manifest: Manifest) -> tuple[Shard, ...]:
    digest = manifest.digest("simulated")
    return tuple(
        shard_of(
            manifest,
            "simulated",
            {
                "stage": stage, "stages": STAGES, "start": stage, "end": stage + 1,
                "whole": digest, "cut": cut_id(digest, (1, 2)),
            },
        )
        for stage in range(STAGES)
    )  # fmt: skip


def has_proved(status: ClusterStatus, nodes: int) -> bool:
    return any(
        sum(len(stage) for stage in each.proved) == nodes and all(each.proved)
        for model in status.models
        for each in model.cuts
    )


@asynccontextmanager
async def run_pipeline(layout: Mapping[str, int]) -> AsyncIterator[BenchCluster]:
    """Run a cluster in which each node has one stage, and nobody the whole model."""
    manifest = make_manifest(SPEC)
    async with open_cluster([NodeSpec(node, SPEC.seconds) for node in layout]) as bench:
        await bench.cluster.add_model(manifest)
        await bench.wait_ready(MODEL, len(layout))
        bucket = await bench.bus.bucket(subjects.ASSIGNMENTS_BUCKET)
        stages = cut(manifest)
        for node, stage in layout.items():
            assignment = Assignment(node=node, shards=(stages[stage],))
            await bucket.put(subjects.ASSIGNMENT_KEY.build(node=node), encode(assignment))
        await bench.wait_for(
            lambda status: (
                has_proved(status, len(layout)) and all(len(node.heartbeat.shards) == 1 for node in status.nodes)
            )
        )
        yield bench


async def ask(bench: BenchCluster, picture: bytes) -> Result:
    reply = await bench.bus.data.request(
        subjects.INFER.build(model=MODEL), picture, headers={DEADLINE: "20000"}, within=30
    )
    error = error_from_json(reply.data)
    assert error is None, error
    return decode(reply.data, Result)


async def ask_many(bench: BenchCluster, enough: asyncio.Event) -> list[Result]:
    """Keep eight requests under way until told."""
    results: list[Result] = []

    async def keep_asking() -> None:
        while not enough.is_set():
            results.append(await ask(bench, PICTURE))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(keep_asking())
    return results


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_middle_node_that_is_lost_under_load_costs_no_frame(number: signal.Signals) -> None:
    async with run_pipeline({"a": 0, "b1": 1, "b2": 1, "c": 2}) as bench:
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            load = tasks.create_task(ask_many(bench, enough))
            await bench.wait_for(lambda status: status.counts.inferred >= 20)
            bench.processes["b1"].send_signal(number)
            left = await bench.wait_for(lambda status: "b1" not in status.models[0].nodes_ready)
            await bench.wait_for(lambda status: status.counts.inferred >= left.counts.inferred + 30)
            enough.set()
        results = load.result()
        bench.processes["b1"].send_signal(signal.SIGCONT)
        by_way = Counter(result.nodes for result in results)
        assert set(by_way) == {("a", "b1", "c"), ("a", "b2", "c")}
        assert results[-1].nodes == ("a", "b2", "c")
        frames = [result.frame for result in results]
        assert len(frames) == len(set(frames))
        counts = (await bench.cluster.status()).counts
        assert (counts.inferred, counts.failed, counts.open) == (len(results), {}, 0)


async def test_a_stage_that_comes_back_is_proved_anew_and_takes_frames_again() -> None:
    async with run_pipeline({"a": 0, "b": 1, "c": 2}) as bench:
        events: list[Event] = []

        async def note(message: Received) -> None:
            events.append(decode(message.data, Event))

        await bench.bus.control.subscribe(subjects.MODEL_EVENT.wildcard(model=MODEL), note)
        bench.end("b", signal.SIGKILL)
        await bench.wait_for(lambda status: not status.models[0].nodes_ready)
        bench.start_node(NodeSpec("b", SPEC.seconds))
        await bench.wait_for(lambda status: has_proved(status, 3))
        assert (await ask(bench, PICTURE)).nodes == ("a", "b", "c")
        assert events[-1].kind == "cut_proved"
        assert "gave the known answer over a > b > c" in events[-1].text
