"""Which node is to serve which shard of which model. Pure.

A model without a plan is whole on every node that can run it, in the best variant that the node can run and the model
has: replicas answer a frame without a hop, and any node can stand in for any other. A plan may say otherwise. While one
is being put into force, what it replaces is served too, so that nothing is ever unserved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from modelkit.manifest import Manifest
from wire.cuts import cut_id
from wire.messages import Assignment, Shard, ShardState
from wire.plans import AUTOMATIC, Layout, ModelPlan, PlannedStage
from wire.status import NodeStatus

PREFERENCE = ("edgetpu", "cpu-int8", "cpu-f32", "onnx", "simulated")
"""Best first: by speed on small machines; a node only simulates what it cannot run."""


def choose_variant(manifest: Manifest, runnable: Iterable[str]) -> str | None:
    """Return the best variant that the model has and a node can run, if any."""
    possible = set(manifest.variants) & set(runnable)
    return next((variant for variant in PREFERENCE if variant in possible), None)


def assign(
    node: str, runnable: Iterable[str], manifests: Iterable[Manifest], plans: Mapping[str, ModelPlan] | None = None
) -> Assignment:
    """Return what a node is to serve, in the order of the models' names; ``plans`` are by model."""
    variants = tuple(runnable)
    shards: list[Shard] = []
    for manifest in sorted(manifests, key=lambda each: each.name):
        plan = (plans or {}).get(manifest.name)
        for layout in list_layouts(plan, manifest):
            allowed = [each for each in variants if plan is None or plan.request.variant in (None, each)]
            shards += (shard for shard in list_shards(node, allowed, manifest, layout) if shard not in shards)
    return Assignment(node=node, shards=tuple(shards))


def list_layouts(plan: ModelPlan | None, manifest: Manifest) -> tuple[Layout | None, ...]:
    """Return the layouts that a model is served in now; None stands for the automatic one.

    A plan for files that the model no longer has counts as none.
    """
    if plan is None:
        return (None,)
    layouts = (plan.layout,) if plan.settled else (plan.layout, plan.previous)
    return tuple(layout if layout and suits(layout, manifest) else None for layout in layouts)


def find_spares(plan: ModelPlan | None, manifest: Manifest) -> frozenset[str]:
    """Return the nodes whose whole model is not to be used while a pipeline has a node for each stage."""
    layouts = list_layouts(plan, manifest)
    found: set[str] = set()
    for layout in layouts:
        if layout is None or layout.name == AUTOMATIC:
            return frozenset()  # whole models serve as well, for now
        found |= {*layout.spares}
    wholes = (stages[0].nodes for layout in layouts if layout for stages in layout.pipelines if len(stages) == 1)
    return frozenset(found.difference(*wholes))


def suits(layout: Layout, manifest: Manifest) -> bool:
    """Tell whether a layout is about the files that the model has now."""
    has = layout.variant in manifest.variants
    return has and (layout.version, layout.whole) == (manifest.version, manifest.digest(layout.variant))


def list_shards(node: str, runnable: Iterable[str], manifest: Manifest, layout: Layout | None) -> Iterator[Shard]:
    """Yield the shards of one layout that a node is to serve."""
    variants = tuple(runnable)
    if layout is None or layout.name == AUTOMATIC:
        variant = choose_variant(manifest, variants)
        if variant is not None:
            yield make_whole(manifest, variant)
        return
    for pipeline in layout.pipelines:
        for number, stage in enumerate(pipeline):
            if node not in stage.nodes:
                continue
            if len(pipeline) > 1:
                yield make_stage(manifest, layout, pipeline, number)
            elif (variant := choose_variant(manifest, variants)) is not None:
                yield make_whole(manifest, variant)
    if node in layout.spares and (variant := choose_variant(manifest, variants)) is not None:
        yield make_whole(manifest, variant)


def make_whole(manifest: Manifest, variant: str) -> Shard:
    """Return the shard that is the whole of a model."""
    return Shard(model=manifest.name, version=manifest.version, variant=variant, digest=manifest.digest(variant))


def make_stage(manifest: Manifest, layout: Layout, pipeline: tuple[PlannedStage, ...], number: int) -> Shard:
    """Return the shard that is one stage of a pipeline."""
    stage = pipeline[number]
    return Shard(
        model=manifest.name,
        version=layout.version,
        variant=layout.variant,
        digest=stage.digest,
        stage=number,
        stages=len(pipeline),
        start=stage.start,
        end=stage.end,
        whole=layout.whole,
        cut=find_cut(layout, pipeline),
        grid=layout.grid if pipeline[0].crop else None,
        crop=stage.crop,
        wire=stage.wire,
    )


def find_cut(layout: Layout, pipeline: tuple[PlannedStage, ...]) -> str:
    """Return the identity of a pipeline's cut."""
    if pipeline[0].crop is not None:
        return cut_id(layout.whole, [pipeline[-1].start], layout.grid)
    return cut_id(layout.whole, [each.start for each in pipeline[1:]])


def find_missing(
    layout: Layout,
    manifest: Manifest,
    nodes: Iterable[NodeStatus],
    *,
    is_proved: Callable[[str, str], bool],
    patient: bool,
) -> tuple[str, ...]:
    """Return what a layout still lacks before what it replaces can go, in words; nothing when it can.

    Every stage needs a node that serves it, every pipeline has to have been proved as a whole (``is_proved`` of model
    and cut), and while ``patient`` every node that is there has to be ready.
    """
    live = {status.node: status for status in nodes if status.liveness == "live"}
    missing = []
    for pipeline in _list_pipelines(layout, manifest, live):
        for number, stage in enumerate(pipeline):
            there = [node for node in stage.nodes if node in live]
            ready = [
                node
                for node in there
                if any(_serves(report.shard, stage, number, layout) for report in live[node].heartbeat.shards
                       if report.shard.model == manifest.name and report.state is ShardState.READY)
            ]  # fmt: skip
            name = f"operators {stage.start} to {stage.end}" if len(pipeline) > 1 else "the whole model"
            if not ready or (patient and len(ready) < len(there)):
                waits = ", ".join(node for node in there if node not in ready)
                missing.append(f"{name} on {waits}" if waits else f"{name}: none of its nodes is there")
        if len(pipeline) > 1 and not missing and not is_proved(manifest.name, find_cut(layout, pipeline)):
            missing.append(f"the known answer from the pipeline of {len(pipeline)} stages")
    return tuple(missing)


def _list_pipelines(
    layout: Layout, manifest: Manifest, live: Mapping[str, NodeStatus]
) -> tuple[tuple[PlannedStage, ...], ...]:
    if layout.name != AUTOMATIC:
        return layout.pipelines
    able = tuple(
        node for node, status in live.items() if choose_variant(manifest, status.heartbeat.variants) is not None
    )
    return ((PlannedStage(start=0, end=1, nodes=able),),)


def _serves(shard: Shard, stage: PlannedStage, number: int, layout: Layout) -> bool:
    if shard.stages == 1:
        return not stage.digest
    return (shard.digest, shard.stage, shard.whole, shard.wire) == (stage.digest, number, layout.whole, stage.wire)
