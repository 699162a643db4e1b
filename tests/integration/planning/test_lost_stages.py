"""A stage that loses its only node under load: frames take the whole model in reserve, or wait for the next plan."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from benchmarks.bench_cluster import MODEL, BenchCluster, NodeSpec, make_manifest, open_cluster
from modelkit.manifest import SimulatedSpec
from tests.agent_testing.models import make_jpeg
from tests.integration.planning.test_applying import wait_settled
from wire.errors import BrambleError
from wire.headers import InferOptions
from wire.messages import Result
from wire.plans import Layout, PlanRequest

SPEC = SimulatedSpec(seconds=0.03, operators=12, activation_bytes=20_000, memory_bytes=120_000_000)
SMALL = ("--memory-mib", "230")
"""Room for 133 of the model's 120 MB: a stage beside the whole does not fit."""
STAGES = 3
PATIENT = InferOptions(deadline_ms=60_000)


@dataclass
class Load:
    """What came of requests that were made all the time."""

    results: list[Result] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def keep_asking(self, bench: BenchCluster) -> None:
        while True:
            try:
                found = await bench.cluster.infer(MODEL, make_jpeg(), PATIENT)
            except BrambleError as error:
                self.failures.append(error.message)
                await asyncio.sleep(0.1)
            else:
                assert isinstance(found, Result)
                self.results.append(found)


@asynccontextmanager
async def run_under_load(arguments: Sequence[str], request: PlanRequest) -> AsyncIterator[tuple[BenchCluster, Load]]:
    specs = [NodeSpec(name, 0.03, tuple(arguments)) for name in ("a", "b", "c")]
    async with open_cluster(specs) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 3)
        await bench.cluster.apply_plan(request)
        await wait_settled(bench)
        load = Load()
        asking = [asyncio.create_task(load.keep_asking(bench)) for _ in range(4)]
        try:
            await bench.wait_until(lambda: has_answered(load, 10))
            yield bench, load
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)


async def has_answered(load: Load, enough: int) -> bool:
    return len(load.results) + len(load.failures) >= enough


async def is_a_pipeline_again(load: Load, after: int) -> bool:
    return any(len(result.nodes) == STAGES for result in load.results[after:])


async def get_layout(bench: BenchCluster) -> Layout:
    plan = (await bench.cluster.show_plan(MODEL)).plan
    assert plan is not None
    return plan.layout


@pytest.mark.parametrize(("arguments", "spares"), [((), 3), (SMALL, 0)], ids=["whole models in reserve", "no room"])
async def test_no_frame_fails_when_a_stage_loses_its_only_node(arguments: Sequence[str], spares: int) -> None:
    async with run_under_load(arguments, PlanRequest(model=MODEL, stages=STAGES)) as (bench, load):
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
