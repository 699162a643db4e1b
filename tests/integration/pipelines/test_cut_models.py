"""The real models cut over five real agents, under load: whatever the cut, the answers are the whole model's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from benchmarks.bench_cluster import BenchCluster, NodeSpec, open_cluster
from modelkit.library import Library
from modelkit.manifest import Manifest
from modelkit.slicing import read_graph
from tests.agent_testing.cutting import divide, push_stages
from tests.agent_testing.running_agent import shard_of
from wire import subjects
from wire.errors import error_from_json
from wire.headers import DEADLINE, THRESHOLD, TOP_K
from wire.messages import Assignment, Class, Detection, Result, Shard, decode, encode

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

NODES = tuple(f"n{number}" for number in range(5))
MODELS = [("mobilenet_v2", "cpu-f32"), ("mobilenet_v2", "cpu-int8"), ("ssd_mobilenet_v2", "cpu-f32")]
READY_S = 90.0
Answers = tuple[Class, ...] | tuple[Detection, ...] | None


@dataclass
class Load:
    """Asks for the same picture again and again, several times at once, and keeps every result."""

    bench: BenchCluster
    model: str
    picture: bytes
    results: list[Result] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> None:
        while True:
            reply = await self.bench.bus.data.request(
                subjects.INFER.build(model=self.model),
                self.picture,
                headers={TOP_K: "1000", THRESHOLD: "0", DEADLINE: "20000"},
                within=30,
            )
            error = error_from_json(reply.data)
            if error:
                self.errors.append(f"{error.code}: {error}")
            else:
                self.results.append(decode(reply.data, Result))
            self.changed.set()

    async def wait_for(self, cut: str | None, count: int = 3) -> list[Result]:
        """Return results of a cut that came from now on."""
        seen = len(self.results)
        async with asyncio.timeout(READY_S):
            while len(found := [each for each in self.results[seen:] if each.cut == cut]) < count:
                assert self.errors == []
                self.changed.clear()
                await self.changed.wait()
        return found


def read(result: Result) -> Answers:
    return result.classes if result.classes is not None else result.detections


async def assign(bench: BenchCluster, shards: Mapping[str, tuple[Shard, ...]]) -> None:
    """Write what each node is to serve."""
    bucket = await bench.bus.bucket(subjects.ASSIGNMENTS_BUCKET)
    for node in NODES:
        assignment = Assignment(node=node, shards=shards.get(node, ()))
        await bucket.put(subjects.ASSIGNMENT_KEY.build(node=node), encode(assignment))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(library: Library) -> AsyncIterator[BenchCluster]:
    arguments = ("--backends", "litert", "--threads", "1")
    async with open_cluster([NodeSpec(node, arguments=arguments) for node in NODES]) as bench:
        store = await bench.bus.blobs(subjects.MODELS_STORE)
        for name in ("mobilenet_v2", "ssd_mobilenet_v2"):
            manifest = library.manifest(name)
            known = manifest.known_answer
            assert known is not None
            for digest in (known.sha256, *(artefact.sha256 for artefact in manifest.artefacts)):
                await store.put_file(digest, library.path(digest))
        yield bench


async def serve_whole(bench: BenchCluster, manifest: Manifest, variant: str) -> None:
    """Have the first node serve all of a model, and wait until it does, alone."""
    await bench.cluster.add_model(manifest)
    await bench.wait_for(lambda status: all(node.heartbeat.shards for node in status.nodes), within=READY_S)
    whole = shard_of(manifest, variant)
    await assign(bench, {NODES[0]: (whole,)})
    await bench.wait_for(
        lambda status: (
            [each.shard for node in status.nodes for each in node.heartbeat.shards if each.state == "ready"] == [whole]
        ),
        within=READY_S,
    )


@pytest.mark.parametrize(("name", "variant"), MODELS)
async def test_cuts_in_two_three_and_five_come_and_go_under_load_and_every_answer_is_the_whole_models(
    bench: BenchCluster, library: Library, name: str, variant: str
) -> None:
    manifest = library.manifest(name)
    assert manifest.known_answer is not None
    data = library.path(manifest.artefact(variant)).read_bytes()
    picture = library.path(manifest.known_answer.sha256).read_bytes()
    await serve_whole(bench, manifest, variant)
    whole = (shard_of(manifest, variant),)
    load = Load(bench, name, picture)
    expected = read((await first_of(load))[0])
    assert expected
    tasks = [asyncio.create_task(load.ask()) for _ in range(3)]
    try:
        serving: dict[str, tuple[Shard, ...]] = {NODES[0]: whole}
        for count in (2, 3, 5):
            stages = await push_stages(
                bench.bus, manifest, variant, data, at=divide(len(read_graph(data).operators), count)
            )
            wanted = {node: (stage,) for node, stage in zip(NODES, stages, strict=False)}
            both = {node: (*serving.get(node, ()), *wanted.get(node, ())) for node in NODES}
            await assign(bench, both)
            await bench.wait_for(
                lambda status, cut=stages[0].cut: any(  # type: ignore[misc]
                    each.cut == cut and all(each.proved) for model in status.models for each in model.cuts
                ),
                within=READY_S,
            )
            await assign(bench, wanted)
            found = await load.wait_for(stages[0].cut)
            assert found[-1].nodes == NODES[:count]
            assert [each.node for each in found[-1].stages] == list(NODES[:count])
            serving = wanted
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await bench.cluster.remove_model(name)
    assert load.errors == []
    assert {each.cut is None for each in load.results} == {True, False}
    assert all(read(each) == expected for each in load.results)
    assert all(each.digest == manifest.digest(variant) for each in load.results)
    frames = [each.frame for each in load.results]
    assert len(set(frames)) == len(frames)


async def first_of(load: Load) -> list[Result]:
    task = asyncio.create_task(load.ask())
    try:
        return await load.wait_for(None, count=1)
    finally:
        task.cancel()
        await asyncio.wait([task])
