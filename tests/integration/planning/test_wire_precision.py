"""Activations in fewer bytes: on a real model, the effect is measured before a plan may use it, and results say it."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from benchmarks.bench_cluster import BenchCluster, NodeSpec, open_cluster
from benchmarks.thin_link import thin_link
from cli.push import push_model
from modelkit.library import Library
from modelkit.manifest import Manifest
from models import recipes
from wire.headers import InferOptions
from wire.messages import Result
from wire.plans import PinnedOperators, PlanRequest
from wire.precision import Precision

MODEL = "mobilenet_v2"
ROOT = Path(__file__).parents[3]
SENDS = 5e4  # bytes a second: 0.6 s for what crosses the cut, beside which no processor is slow
CUT = 55  # 31 kB of float32 cross it
PINS = (PinnedOperators(start=0, end=CUT, nodes=("b",)), PinnedOperators(start=CUT, end=CUT + 1, nodes=("a",)))
EXACT = PlanRequest(model=MODEL, stages=2, variant="cpu-f32", pins=PINS)
COARSE = replace(EXACT, wire=Precision.INT8)


async def ask(bench: BenchCluster, picture: bytes) -> Result:
    found = await bench.cluster.infer(MODEL, picture, InferOptions(deadline_ms=20_000))
    assert isinstance(found, Result)
    return found


async def apply(bench: BenchCluster, request: PlanRequest) -> None:
    await bench.cluster.apply_plan(request)

    async def in_force() -> bool:
        plan = (await bench.cluster.show_plan(MODEL)).plan
        return plan is not None and plan.settled

    await bench.wait_until(in_force)


def get_top(result: Result) -> tuple[str, float]:
    assert result.classes is not None
    return result.classes[0].label, result.classes[0].score


def expect_so_exactly(manifest: Manifest, exact: float, coarse: float) -> Manifest:
    """Return a new version whose known answer the coarse score misses, and one that is much nearer to the exact not."""
    known, change = manifest.known_answer, coarse - exact
    assert known is not None
    assert known.top is not None
    top = replace(known.top, score=exact - 4 * change, tolerance=4.5 * abs(change))
    return replace(manifest, version="9.9.9", known_answer=replace(known, top=top))


async def test_a_thin_link_is_relieved_as_far_as_allowed_and_as_the_known_answer_stays() -> None:
    library = Library(Path(os.environ.get("BRAMBLE_LIBRARY") or ROOT / ".cache" / "library"))
    manifest = recipes.build(MODEL, library, lambda _: None)
    known = manifest.known_answer
    assert known is not None
    picture = library.path(known.sha256).read_bytes()
    litert = ("--backends", "litert", "--threads", "1")
    async with (
        open_cluster([NodeSpec("a", arguments=litert)]) as bench,
        thin_link(bench.broker.context, 1e9, sending_bytes_s=SENDS) as thin,
    ):
        bench.start_node(NodeSpec("b", arguments=litert, context=thin))
        await bench.wait_for(lambda status: len(status.nodes) == 2)
        await push_model(bench.cluster, manifest, library, lambda _: None, key=None)
        await bench.wait_ready(MODEL, 2)

        exact = (await bench.cluster.make_plan(EXACT)).options[0]
        assert (exact.name, exact.effect, exact.pipelines[0][0].end) == ("pipeline", None, CUT)
        best = (await bench.cluster.make_plan(COARSE)).options[0]
        assert best.name == "pipeline int8"
        assert best.throughput_s > 1.1 * exact.throughput_s
        assert best.effect is not None
        assert (best.effect.pictures, best.effect.same_first, best.effect.problem) == (6, 6, "")
        assert 0 < best.effect.score_change < 0.1

        await apply(bench, EXACT)
        while not (before := await ask(bench, picture)).stages:
            pass  # a frame that still took the whole model, which goes now
        assert before.wire == ()
        await apply(bench, COARSE)
        while not (after := await ask(bench, picture)).wire:
            pass  # likewise, one that still took the exact cut
        assert after.wire == (Precision.INT8,)
        (label, score), (same, changed) = get_top(before), get_top(after)
        assert label == same
        assert 0 < abs(score - changed) < 0.1

        await push_model(bench.cluster, expect_so_exactly(manifest, score, changed), library, lambda _: None, key=None)
        await bench.wait_for(
            lambda status: status.models[0].version == "9.9.9" and len(status.models[0].nodes_ready) == 2
        )
        strict = await bench.cluster.make_plan(COARSE)
        assert strict.options[0].name == "pipeline f16"
        (why,) = (line for line in strict.left_out if "pipeline int8" in line)
        assert "is not used" in why
        assert "expected Egyptian cat" in why
