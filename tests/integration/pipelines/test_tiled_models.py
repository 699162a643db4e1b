"""A model whose front is divided by area, behind a real controller: proved, taken, gone round when a node is lost."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.bench_cluster import BenchCluster, NodeSpec, open_cluster
from modelkit.library import Library
from modelkit.tiling import Grid
from tests.agent_testing.cutting import push_parts
from tests.agent_testing.running_agent import shard_of
from wire import subjects
from wire.errors import BadRequestError
from wire.headers import InferOptions
from wire.messages import Assignment, Result, Shard, encode
from wire.plans import PlanRequest
from wire.status import ClusterStatus

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

MODEL, VARIANT = "mobilenet_v2", "cpu-int8"
NODES = ("n0", "n1", "n2")
READY_S = 90.0


@pytest_asyncio.fixture(loop_scope="module")
async def bench(library: Library) -> AsyncIterator[BenchCluster]:
    arguments = ("--backends", "litert", "--threads", "1")
    async with open_cluster([NodeSpec(node, arguments=arguments) for node in NODES]) as bench:
        manifest = library.manifest(MODEL)
        store = await bench.bus.blobs(subjects.MODELS_STORE)
        assert manifest.known_answer is not None
        for digest in (manifest.known_answer.sha256, *(artefact.sha256 for artefact in manifest.artefacts)):
            await store.put_file(digest, library.path(digest))
        await bench.cluster.add_model(manifest)
        await bench.wait_for(lambda status: all(node.heartbeat.shards for node in status.nodes), within=READY_S)
        yield bench


async def assign(bench: BenchCluster, *shards: tuple[Shard, ...]) -> None:
    bucket = await bench.bus.bucket(subjects.ASSIGNMENTS_BUCKET)
    for node, each in zip(NODES, shards, strict=True):
        await bucket.put(subjects.ASSIGNMENT_KEY.build(node=node), encode(Assignment(node=node, shards=each)))


def is_proved(status: ClusterStatus, cut: str | None) -> bool:
    return any(each.cut == cut and all(each.proved) for model in status.models for each in model.cuts)


async def test_frames_take_the_parts_and_when_a_node_is_lost_another_way(bench: BenchCluster, library: Library) -> None:
    manifest = library.manifest(MODEL)
    data = library.path(manifest.artefact(VARIANT)).read_bytes()
    assert manifest.known_answer is not None
    picture = library.path(manifest.known_answer.sha256).read_bytes()

    async def ask() -> Result:
        result = await bench.cluster.infer(MODEL, picture, InferOptions(deadline_ms=20_000))
        assert isinstance(result, Result)
        return result

    expected = (await ask()).classes
    upper, lower, rest = await push_parts(bench.bus, manifest, VARIANT, data, at=16, grid=Grid(2))
    await assign(bench, (upper,), (lower,), (rest,))
    await bench.wait_for(lambda status: is_proved(status, upper.cut), within=READY_S)
    await bench.wait_for(lambda status: all(len(node.heartbeat.shards) == 1 for node in status.nodes), within=READY_S)

    result = await ask()
    assert result.classes == expected
    assert (result.cut, result.nodes) == (upper.cut, NODES)
    assert len(result.stages) == 3
    assert result.timings.infer_ms < sum(stage.infer_ms for stage in result.stages)

    whole = shard_of(manifest, VARIANT)
    await assign(bench, (upper,), (lower,), (rest, whole))
    await bench.wait_for(
        lambda status: any(
            report.shard == whole and report.state == "ready"
            for node in status.nodes if node.node == NODES[2] for report in node.heartbeat.shards
        ),
        within=READY_S,
    )  # fmt: skip
    bench.end(NODES[1], signal.SIGKILL)
    for _ in range(5):
        result = await ask()
        assert (result.classes, result.error) == (expected, None)
        assert result.nodes == NODES[2:]
    counts = (await bench.cluster.status()).counts
    assert counts.offered == counts.inferred == 7


async def test_an_operator_divides_a_model_and_it_is_divided_anew_when_a_part_is_lost(
    bench: BenchCluster, library: Library
) -> None:
    manifest = library.manifest(MODEL)
    assert manifest.known_answer is not None
    picture = library.path(manifest.known_answer.sha256).read_bytes()
    expected = await bench.cluster.infer(MODEL, picture, InferOptions(deadline_ms=20_000))
    assert isinstance(expected, Result)
    report = await bench.cluster.apply_plan(PlanRequest(model=MODEL, grid=(2, 1), grid_at=16, variant=VARIANT))
    assert report.applied
    assert "2 parts of the picture up to operator 16" in report.reason

    async def is_in_force() -> bool:
        plan = (await bench.cluster.show_plan(MODEL)).plan
        return plan is not None and plan.settled

    await bench.wait_until(is_in_force, within=READY_S)
    plan = (await bench.cluster.show_plan(MODEL)).plan
    assert plan is not None
    (upper, lower, rest), (whole,) = plan.layout.pipelines
    assert len({*upper.nodes, *lower.nodes, *rest.nodes}) == 3
    assert whole.nodes == rest.nodes
    status = await bench.cluster.status()
    (cut,) = (each for model in status.models for each in model.cuts)
    assert cut.proved == (upper.nodes, lower.nodes, rest.nodes)

    lost = upper.nodes[0]
    bench.end(lost, signal.SIGKILL)
    for _ in range(3):
        result = await bench.cluster.infer(MODEL, picture, InferOptions(deadline_ms=20_000))
        assert isinstance(result, Result)
        assert (result.classes, result.error) == (expected.classes, None)

    async def is_divided_anew() -> bool:
        found = await bench.cluster.infer(MODEL, picture, InferOptions(deadline_ms=20_000))
        assert isinstance(found, Result)
        assert (found.classes, found.error) == (expected.classes, None)
        plan = (await bench.cluster.show_plan(MODEL)).plan
        return plan is not None and plan.settled and all(lost not in each.nodes for each in plan.layout.pipelines[0])

    await bench.wait_until(is_divided_anew, within=READY_S)
    plan = (await bench.cluster.show_plan(MODEL)).plan
    assert plan is not None
    assert plan.layout.grid == (2, 1)
    assert "the plan in force cannot run any more" in plan.reason


async def test_more_parts_than_nodes_are_refused(bench: BenchCluster) -> None:
    with pytest.raises(BadRequestError, match="3 nodes run the cpu-int8 variant, too few for 4 parts"):
        await bench.cluster.apply_plan(PlanRequest(model=MODEL, grid=(4, 1), variant=VARIANT))
