"""What a plan makes of assignments, and when what it replaces may go."""

from __future__ import annotations

from msgspec.structs import replace

from controller.nodes.placement import assign, find_missing, find_spares
from modelkit.manifest import Manifest
from tests.testing.heartbeats import make_heartbeat
from tests.unit.controller.test_placement import make_manifest
from wire.messages import Shard, ShardReport, ShardState
from wire.plans import AUTOMATIC, Layout, ModelPlan, PlannedStage, PlanRequest
from wire.precision import Precision
from wire.status import NodeStatus

MANIFEST = make_manifest("net", "cpu-f32", "cpu-int8")
RUNS = ("cpu-f32", "cpu-int8")


def stage(start: int, end: int, *nodes: str, digest: str = "") -> PlannedStage:
    return PlannedStage(start=start, end=end, nodes=nodes, digest=digest)


def layout(*pipelines: tuple[PlannedStage, ...], name: str = "pipeline", manifest: Manifest = MANIFEST) -> Layout:
    return Layout(
        name=name, version=manifest.version, variant="cpu-int8", whole=manifest.digest("cpu-int8"), pipelines=pipelines
    )


PIPELINE = layout((stage(0, 10, "a", "b", digest="e" * 64), stage(10, 20, "c", digest="f" * 64)))
HYBRID = layout((stage(0, 20, "a"),), (stage(0, 5, "b", digest="1" * 64), stage(5, 20, "c", digest="2" * 64)))


def plan(target: Layout, *, settled: bool = True, previous: Layout | None = None, **wish: str) -> ModelPlan:
    request = PlanRequest(model="net", **wish)  # type: ignore[arg-type]
    return ModelPlan(request=request, layout=target, reason="", at=0.0, settled=settled, previous=previous)


def shards(node: str, made: ModelPlan | None, manifest: Manifest = MANIFEST) -> tuple[Shard, ...]:
    return assign(node, RUNS, [manifest], {"net": made} if made else {}).shards


def status(node: str, *held: Shard, state: ShardState = ShardState.READY, liveness: str = "live") -> NodeStatus:
    reports = tuple(ShardReport(shard=shard, state=state) for shard in held)
    beat = make_heartbeat(node, variants=RUNS, shards=reports)
    return NodeStatus(node=node, liveness=liveness, age_s=0.0, heartbeat=beat)


def missing(target: Layout, *nodes: NodeStatus, proved: bool = True, patient: bool = True) -> tuple[str, ...]:
    return find_missing(target, MANIFEST, nodes, is_proved=lambda _model, _cut: proved, patient=patient)


def test_without_a_plan_every_node_has_the_whole_model() -> None:
    (whole,) = shards("a", None)
    assert (whole.variant, whole.stages, whole.cut) == ("cpu-int8", 1, None)


def test_a_stage_sends_on_in_the_precision_of_the_plan_and_an_exact_one_does_not_count_as_it() -> None:
    first, last = PIPELINE.pipelines[0]
    coded = layout((replace(first, wire=Precision.F16), last))
    (shard,) = shards("a", plan(coded))
    assert shard.wire is Precision.F16
    held = {node: shards(node, plan(PIPELINE)) for node in "abc"}
    nodes = [status(node, *held[node]) for node in "abc"]
    assert missing(PIPELINE, *nodes) == ()
    assert missing(coded, *nodes) == ("operators 0 to 10 on a, b",)


def test_whole_models_in_reserve_are_held_beside_stages_and_are_not_waited_for() -> None:
    reserved = replace(PIPELINE, spares=("c", "d"))
    assert [shard.stages for shard in shards("c", plan(reserved))] == [2, 1]
    assert [shard.stages for shard in shards("d", plan(reserved))] == [1]
    assert [shard.stages for shard in shards("a", plan(reserved))] == [2]
    nodes = [status(node, *(each for each in shards(node, plan(reserved)) if each.stages == 2)) for node in "abc"]
    assert missing(reserved, *nodes) == ()


def test_whole_models_are_in_reserve_only_while_no_layout_that_serves_runs_them() -> None:
    reserved = replace(PIPELINE, spares=("c", "d"))
    assert find_spares(None, MANIFEST) == frozenset()
    assert find_spares(plan(reserved), MANIFEST) == {"c", "d"}
    assert find_spares(plan(reserved, settled=False), MANIFEST) == frozenset()  # the automatic layout still serves
    assert find_spares(plan(PIPELINE, settled=False, previous=reserved), MANIFEST) == {"c", "d"}
    replicas = layout((stage(0, 20, "c"),), name="replicas")
    assert find_spares(plan(replicas, settled=False, previous=reserved), MANIFEST) == {"d"}


def test_a_plan_gives_each_node_its_stage_and_nothing_else() -> None:
    (first,), (second,), (last,) = (shards(node, plan(PIPELINE)) for node in "abc")
    assert first == second
    assert (first.stage, first.stages, first.start, first.end) == (0, 2, 0, 10)
    assert (last.stage, last.start, last.end, last.digest) == (1, 10, 20, "f" * 64)
    assert first.cut == last.cut
    assert first.whole == MANIFEST.digest("cpu-int8")
    assert shards("d", plan(PIPELINE)) == ()


def test_a_hybrid_mixes_whole_models_and_stages_over_nodes() -> None:
    assert [shards(node, plan(HYBRID))[0].stages for node in "abc"] == [1, 2, 2]


def test_until_a_plan_is_in_force_nodes_hold_what_it_replaces_too() -> None:
    fresh = plan(PIPELINE, settled=False)
    assert [shard.stages for shard in shards("a", fresh)] == [2, 1]
    assert [shard.stages for shard in shards("d", fresh)] == [1]
    later = plan(HYBRID, settled=False, previous=PIPELINE)
    assert len(shards("b", later)) == 2
    assert {shard.cut for shard in shards("b", later)} == {
        shards("b", plan(each))[0].cut for each in (PIPELINE, HYBRID)
    }


def test_what_two_layouts_have_in_common_is_held_once() -> None:
    assert len(shards("a", plan(layout((stage(0, 20, "a"),), name="one node"), settled=False))) == 1


def test_a_plan_for_other_files_than_the_model_has_counts_as_none() -> None:
    newer = replace(MANIFEST, version="2.0")
    assert shards("d", plan(PIPELINE), newer) == shards("d", None, newer)
    assert len(shards("d", plan(PIPELINE), newer)) == 1


def test_a_plan_with_a_variant_keeps_to_it() -> None:
    (shard,) = shards("a", plan(layout((stage(0, 20, "a"),), name="one node"), variant="cpu-f32"))
    assert shard.variant == "cpu-f32"


def test_a_plan_lacks_what_its_nodes_have_not_proved() -> None:
    first, last = (shards(node, plan(PIPELINE))[0] for node in "ac")
    assert missing(PIPELINE, status("a"), status("b"), status("c")) == (
        "operators 0 to 10 on a, b",
        "operators 10 to 20 on c",
    )
    fetching = status("c", last, state=ShardState.FETCHING)
    assert missing(PIPELINE, status("a", first), status("b", first), fetching) == ("operators 10 to 20 on c",)
    everything = (status("a", first), status("b", first), status("c", last))
    assert missing(PIPELINE, *everything) == ()
    assert missing(PIPELINE, *everything, proved=False) == ("the known answer from the pipeline of 2 stages",)


def test_after_a_while_one_node_for_each_stage_will_do() -> None:
    first, last = (shards(node, plan(PIPELINE))[0] for node in "ac")
    slow = (status("a", first), status("b"), status("c", last))
    assert missing(PIPELINE, *slow) == ("operators 0 to 10 on b",)
    assert missing(PIPELINE, *slow, patient=False) == ()


def test_a_node_that_is_gone_is_not_waited_for_unless_it_is_the_last() -> None:
    first, last = (shards(node, plan(PIPELINE))[0] for node in "ac")
    gone = status("b", liveness="dead")
    assert missing(PIPELINE, status("a", first), gone, status("c", last)) == ()
    assert missing(PIPELINE, status("a", first), gone) == ("operators 10 to 20: none of its nodes is there",)


def test_a_whole_model_in_another_layout_counts_where_the_whole_is_wanted() -> None:
    automatic = replace(PIPELINE, name=AUTOMATIC, pipelines=())
    (whole,) = shards("a", None)
    assert missing(automatic, status("a", whole), status("b")) == ("the whole model on b",)
    assert missing(automatic, status("a", whole), status("b", whole)) == ()
