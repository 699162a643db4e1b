"""A real controller measures real agents and proposes; the simulating ones play different speeds and sizes."""

from __future__ import annotations

import asyncio
import sys

import pytest

from benchmarks.bench_cluster import MODEL, NodeSpec, make_manifest, open_cluster
from modelkit.manifest import SimulatedSpec
from wire import subjects
from wire.errors import BadRequestError, NoCapacityError, UnknownModelError
from wire.messages import decode
from wire.plans import PinnedOperators, PlanRequest
from wire.profiles import LinkProfile, Profile

SPEC = SimulatedSpec(seconds=0.06, operators=12, activation_bytes=20_000, memory_bytes=120_000_000)


async def test_nodes_are_measured_once_and_a_plan_follows_from_it() -> None:
    specs = [NodeSpec("a", 0.06), NodeSpec("b", 0.12), NodeSpec("c", 0.12)]
    async with open_cluster(specs) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 3)
        report = await bench.cluster.make_plan(PlanRequest(model=MODEL))
        assert (report.options[0].name, report.assumed, report.left_out) == ("replicas", (), ())
        assert report.options[0].throughput_s == pytest.approx(1 / 0.06 + 2 / 0.12, rel=0.1)
        assert {node.node: round(node.whole_s, 2) for node in report.nodes} == {"a": 0.06, "b": 0.12, "c": 0.12}
        assert all(node.receive_bytes_s > 1e6 and node.send_bytes_s > 1e6 for node in report.nodes)
        profiles = await bench.bus.bucket(subjects.PROFILES_BUCKET)
        digest = make_manifest(SPEC).digest("simulated")
        kept = await profiles.get(subjects.PROFILE_KEY.build(node="a", digest=digest))
        assert kept is not None
        measured_at = decode(kept, Profile).measured_at
        links = await bench.bus.bucket(subjects.LINKS_BUCKET)
        kept_link = await links.get(subjects.LINK_KEY.build(node="b"))
        assert kept_link is not None
        assert decode(kept_link, LinkProfile).latency_s < 0.1
        await bench.cluster.make_plan(PlanRequest(model=MODEL))
        again = await profiles.get(subjects.PROFILE_KEY.build(node="a", digest=digest))
        assert again == kept
        await bench.cluster.make_plan(PlanRequest(model=MODEL, remeasure=True))
        renewed = await profiles.get(subjects.PROFILE_KEY.build(node="a", digest=digest))
        assert renewed is not None
        assert decode(renewed, Profile).measured_at > measured_at


async def test_small_nodes_get_a_pipeline_and_wishes_that_cannot_be_met_are_refused_with_the_reason() -> None:
    specs = [NodeSpec(name, 0.06, ("--memory-mib", "170")) for name in ("a", "b", "c")]  # room for 85 of 120 MB
    async with open_cluster(specs) as bench:
        await bench.cluster.add_model(make_manifest(SPEC))
        await bench.wait_ready(MODEL, 3)
        report = await bench.cluster.make_plan(PlanRequest(model=MODEL))
        (pipeline,) = report.options[0].pipelines
        assert report.options[0].name == "pipeline"
        assert len(pipeline) >= 2
        assert (pipeline[0].start, pipeline[-1].end) == (0, 12)
        pinned = PlanRequest(model=MODEL, pins=(PinnedOperators(start=0, end=1, nodes=("b",)),), stages=2)
        (pipeline,) = (await bench.cluster.make_plan(pinned)).options[0].pipelines
        assert (len(pipeline), pipeline[0].nodes) == (2, ("b",))
        with pytest.raises(NoCapacityError, match=r"within its memory|not all of them at once"):
            await bench.cluster.make_plan(PlanRequest(model=MODEL, stages=1))
        with pytest.raises(BadRequestError, match="energy"):
            await bench.cluster.make_plan(PlanRequest(model=MODEL, objective="energy"))
        with pytest.raises(BadRequestError, match="no variant"):
            await bench.cluster.make_plan(PlanRequest(model=MODEL, variant="cpu-int8"))
        with pytest.raises(UnknownModelError):
            await bench.cluster.make_plan(PlanRequest(model="nobody"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "plan", MODEL, "--context", str(bench.directory / "a.context.json")),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        assert "frames ─▶ " in said.decode()
        assert "A pipeline gives" in said.decode()
