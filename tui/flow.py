"""How frames flow through a model's stages: measured from what nodes tell, held against what was predicted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from wire.messages import Result, Shard, ShardReport, ShardState
from wire.plans import Layout, ModelPlan
from wire.status import ClusterStatus

SAMPLES = 12
"""Statuses over which a rate is measured, one a second."""

ShardKey = tuple[str, str, str, int]
"""Node, model, cut (empty: the whole model), stage."""

Sample = Mapping[ShardKey, tuple[float, int]]
"""When the node said so, by its own clock in Unix seconds, and how many frames it had served by then."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One node's part in a stage."""

    node: str
    ready: bool
    measured_ms: float  # moving average of the node's own time for a frame; 0: none yet
    predicted_ms: float | None
    rate: float | None  # frames a second, of late; None: not known yet

    @property
    def busy(self) -> float | None:
        """The share of its time that it computes, of one frame after another."""
        return None if self.rate is None or not self.measured_ms else min(1.0, self.rate * self.measured_ms / 1e3)


@dataclass(frozen=True, slots=True)
class Stage:
    """Operators ``[start, end)`` and who computes them; 0, 0 is the whole model."""

    number: int  # from 1
    start: int
    end: int
    workers: tuple[Worker, ...]
    hop_ms: float | None = None  # of late, from the stage before; by two clocks
    hop_bytes: float | None = None

    @property
    def rate(self) -> float | None:
        """Frames a second through the stage."""
        known = [worker.rate for worker in self.workers if worker.rate is not None]
        return sum(known) if known else None

    @property
    def limit(self) -> float | None:
        """Frames a second that its nodes can do; None before they have done any."""
        able = [1e3 / worker.measured_ms for worker in self.workers if worker.ready and worker.measured_ms]
        return sum(able) if able else None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages that together run the whole model; of several, each takes a share of the frames."""

    stages: tuple[Stage, ...]

    @property
    def bottleneck(self) -> Stage | None:
        """The stage that can do least; None where there is only one, or nothing is measured yet."""
        measured = [(stage.limit, -stage.number, stage) for stage in self.stages if stage.limit]
        return min(measured)[2] if len(self.stages) > 1 and measured else None


@dataclass(frozen=True, slots=True)
class Flow:
    """All that is known of how a model runs."""

    pipelines: tuple[Pipeline, ...]
    rate: float | None  # frames a second that leave the last stages
    latency_ms: float | None  # median of the recent results, from capture to result
    predicted_rate: float | None
    predicted_ms: float | None


def take_sample(status: ClusterStatus) -> Sample:
    """Note what every shard has served."""
    return {
        _key(node.node, report.shard): (node.heartbeat.at, report.served)
        for node in status.nodes
        for report in node.heartbeat.shards
    }


def measure_rate(samples: Sequence[Sample], key: ShardKey) -> float | None:
    """Return the frames a second of a shard over the samples; None where they do not tell."""
    known = [sample[key] for sample in samples if key in sample]
    if len(known) < 2:  # noqa: PLR2004 - a rate is between two moments
        return None
    (began, before), (ended, after) = known[0], known[-1]
    return (after - before) / (ended - began) if ended > began and after >= before else None


def trace_flow(status: ClusterStatus, model: str, samples: Sequence[Sample], results: Iterable[Result]) -> Flow:
    """Put together how a model flows; ``results`` are recent ones of any model."""
    plan = next((state.plan for state in status.plans if state.model == model), None)
    ours = [result for result in results if result.model == model and result.error is None and not result.cached]
    staged = _list_stages(status, model, plan)
    pipelines = tuple(_describe(status, model, stages, samples, ours) for stages in staged)
    rates = [rate for each in pipelines if each.stages and (rate := each.stages[-1].rate) is not None]
    return Flow(
        pipelines,
        rate=sum(rates) if rates else None,
        latency_ms=median(result.timings.total_ms for result in ours) if ours else None,
        predicted_rate=plan.throughput_s or None if plan else None,
        predicted_ms=plan.latency_s * 1e3 or None if plan else None,
    )


_Part = tuple[int, int, str, Mapping[str, float]]
"""Start, end, the digest of the shard's file (empty: the whole model), and its nodes with their predicted ms."""


def _list_stages(status: ClusterStatus, model: str, plan: ModelPlan | None) -> list[list[_Part]]:
    if plan is None or not plan.layout.pipelines:
        nodes = {
            node.node: 0.0
            for node in status.nodes
            if any(report.shard.model == model and report.shard.cut is None for report in node.heartbeat.shards)
        }
        return [[(0, 0, "", nodes)]] if nodes else []
    return [list(_parts_of(plan, plan.layout, number)) for number in range(len(plan.layout.pipelines))]


def _parts_of(plan: ModelPlan, layout: Layout, number: int) -> Iterator[_Part]:
    stages = layout.pipelines[number]
    predicted = plan.stage_seconds[number] if number < len(plan.stage_seconds) else ()
    for place, stage in enumerate(stages):
        seconds = predicted[place] if place < len(predicted) else ()
        nodes = {node: seconds[at] * 1e3 if at < len(seconds) else 0.0 for at, node in enumerate(stage.nodes)}
        yield stage.start, stage.end, stage.digest, nodes


def _describe(
    status: ClusterStatus, model: str, parts: Sequence[_Part], samples: Sequence[Sample], results: Sequence[Result]
) -> Pipeline:
    reports = {node.node: node.heartbeat.shards for node in status.nodes if node.liveness != "dead"}
    stages = []
    for place, (start, end, digest, nodes) in enumerate(parts):
        workers = tuple(
            _describe_worker(node, _find(reports.get(node, ()), model, digest, place), predicted or None, samples)
            for node, predicted in nodes.items()
        )
        hop_ms, hop_bytes = _measure_hop(results, place, len(parts)) if place else (None, None)
        stages.append(Stage(place + 1, start, end, workers, hop_ms, hop_bytes))
    return Pipeline(tuple(stages))


def _describe_worker(
    node: str, report: ShardReport | None, predicted: float | None, samples: Sequence[Sample]
) -> Worker:
    if report is None:
        return Worker(node, ready=False, measured_ms=0.0, predicted_ms=predicted, rate=None)
    rate = measure_rate(samples, _key(node, report.shard))
    return Worker(node, report.state is ShardState.READY, report.ewma_ms, predicted, rate)


def _find(reports: Iterable[ShardReport], model: str, digest: str, stage: int) -> ShardReport | None:
    """Return a node's word on one shard; without a digest on the whole model."""
    for report in reports:
        shard = report.shard
        fits = shard.digest == digest and shard.stage == stage if digest else shard.cut is None
        if shard.model == model and fits:
            return report
    return None


def _measure_hop(results: Iterable[Result], stage: int, stages: int) -> tuple[float | None, float | None]:
    """Return the milliseconds and bytes on the way to a stage: medians over the results that took that many stages."""
    told = [result.stages for result in results if len(result.stages) == stages]
    if not told:
        return None, None
    return median(each[stage].network_ms for each in told), median(each[stage - 1].sent_bytes for each in told)


def _key(node: str, shard: Shard) -> ShardKey:
    return node, shard.model, shard.cut or "", shard.stage
