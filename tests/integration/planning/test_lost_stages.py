"""A stage that loses its only node under load: frames take the whole model in reserve, or wait for the next plan."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from benchmarks.bench_cluster import MODEL, BenchCluster, NodeSpec, make_manifest, open_cluster
from modelkit.manifest import SimulatedSpec
from tests.testing.load import Load, under_load
from wire.plans import Layout, PlanRequest

SPEC = SimulatedSpec(seconds=0.03, operators=12, activation_bytes=20_000, memory_bytes=120_000_000)
SMALL = ("--memory-mib", "230")
"""Room for 133 of the model's 120 MB: a stage beside the whole does not fit."""
STAGES = 3


@asynccontextmanager
async def run_pipeline(arguments: Sequence[str]) -> AsyncIterator[tuple[BenchCluster, Load]]:
    specs = [NodeSpec(name, 0.03, tuple(arguments)) for name in ("a", "b", "c")]
    async with open_cluster(specs) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 3)
        await bench.cluster.apply_plan(PlanRequest(model=MODEL, stages=STAGES))
        await bench.wait_settled(MODEL)
        async with under_load(bench) as load:
            await load.wait_for_answers(10)
            yield bench, load


async def is_a_pipeline_again(load: Load, after: int) -> bool:
    return any(len(result.nodes) == STAGES for result in load.results[after:])


async def get_layout(bench: BenchCluster) -> Layout:
    plan = (await bench.cluster.show_plan(MODEL)).plan
    assert plan is not None
    return plan.layout


@pytest.mark.parametrize(("arguments", "spares"), [((), 3), (SMALL, 0)], ids=["whole models in reserve", "no room"])
async def test_no_frame_fails_when_a_stage_loses_its_only_node(arguments: Sequence[str], spares: int) -> None:
    async with run_pipeline(arguments) as (bench, load):
        layout = await get_layout(bench)
        assert len(layout.spares) == spares
        assert {len(result.nodes) for result in load.results} == {STAGES}  # what is in reserve is not used
        lost = layout.pipelines[0][1].nodes[0]
        before = len(load.results)
        bench.end(lost, signal.SIGKILL)
        bench.start_node(NodeSpec("d", 0.03, tuple(arguments)))  # three stages need three nodes

        async def is_planned_anew() -> bool:
            plan = (await bench.cluster.show_plan(MODEL)).plan
            nodes = (
                {node for stages in plan.layout.pipelines for stage in stages for node in stage.nodes} if plan else {}
            )
            return plan is not None and plan.settled and lost not in nodes

        await bench.wait_until(is_planned_anew)
        after = len(load.results)
        await bench.wait_until(lambda: is_a_pipeline_again(load, after))
        assert load.failures == []
        frames = [result.frame for result in load.results]
        assert len(set(frames)) == len(frames)
        meanwhile = {len(result.nodes) for result in load.results[before:]}
        assert meanwhile == ({1, STAGES} if spares else {STAGES})
        counts = (await bench.cluster.status()).counts
        assert counts.failed == {}
