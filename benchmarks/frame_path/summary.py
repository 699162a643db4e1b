"""What a contender's rounds come to: medians, of what was measured on a quiet machine where there is any."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchmarks.frame_path.orders import Found
from benchmarks.frame_path.rounds import Between, Run

MS = 1e3


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the rounds. Milliseconds, megabytes, frames; None: not measured."""

    contender: str
    rounds: int
    disturbed: int  # loads that count although the bare job drifted, because all tries were so
    repeated: int  # loads that were thrown away
    at_rest: bool  # what is told of latencies and rates was measured while the bare job kept its pace
    job_ms: float  # CPU of the job alone, in the worker, with everything going
    one_p50_ms: float  # one frame under way
    one_added_ms: float  # p50 above that of the bare loop beside it
    one_outside_ms: float  # mean latency less what the job itself took in the worker
    one_p99_over_p50: float
    messaging_ms: float  # CPU a frame outside the job, all processes, eight under way, less what they take when idle
    messaging_one_ms: float  # the same with one under way
    messaging_share: float  # of the job's own CPU in the same load, which a busy machine slows alike
    messaging_whole_ms: float  # what they take when idle included
    saturation: float  # frames a second over those of two bare loops beside it
    rate: float  # frames a second, eight under way
    full_p50_ms: float
    full_p95_ms: float
    full_p99_ms: float
    half_p50_ms: float | None = None
    half_p95_ms: float | None = None
    half_p99_ms: float | None = None
    start_s: float
    memory_mb: float
    idle_cpu: float  # share of one core, nothing asked
    failed: int  # of all loads without a kill
    kill_failed: int | None = None  # of all rounds
    kill_repeated: int | None = None  # frames done more than once, in all rounds
    kill_worst_ms: float | None = None
    kill_back_s: float | None = None


def summarise_runs(runs: Sequence[Run]) -> Summary:
    """Fold the runs of one contender."""
    ones, fulls = _quiet([run.one for run in runs]), _quiet([run.full for run in runs])
    idle = statistics.median(run.idle.cpu_s / run.idle.seconds for run in runs)
    halves = _quiet([run.half for run in runs if run.half])
    kills = [run.kill for run in runs if run.kill]
    loads = [load for run in runs for load in (run.one, run.full, run.half) if load]
    return Summary(
        contender=runs[0].contender,
        rounds=len(runs),
        disturbed=sum(not load.quiet for load in loads),
        at_rest=all(load.quiet for load in (*ones, *fulls, *halves)),
        repeated=sum(load.tries - 1 for load in loads),
        job_ms=_median(fulls, lambda each: each.found.job_cpu_s / each.found.job_frames * MS),
        one_p50_ms=_median(ones, lambda each: each.found.latency.p50),
        one_added_ms=_median(ones, lambda each: each.found.latency.p50 - each.bare.latency.p50),
        one_outside_ms=_median(ones, lambda each: _outside_ms(each.found)),
        one_p99_over_p50=_median(ones, lambda each: each.found.latency.p99 / each.found.latency.p50),
        messaging_ms=_median(fulls, lambda each: messaging_ms(each.found, idle)),
        messaging_one_ms=_median(ones, lambda each: messaging_ms(each.found, idle)),
        messaging_share=_median(
            fulls, lambda each: messaging_ms(each.found, idle) * each.found.job_frames / each.found.job_cpu_s / MS
        ),
        messaging_whole_ms=_median(fulls, lambda each: messaging_ms(each.found)),
        saturation=_median(fulls, lambda each: each.found.answered / each.found.seconds / each.bare.rate),
        rate=_median(fulls, lambda each: each.found.answered / each.found.seconds),
        full_p50_ms=_median(fulls, lambda each: each.found.latency.p50),
        full_p95_ms=_median(fulls, lambda each: each.found.latency.p95),
        full_p99_ms=_median(fulls, lambda each: each.found.latency.p99),
        half_p50_ms=_median(halves, lambda each: each.found.latency.p50) if halves else None,
        half_p95_ms=_median(halves, lambda each: each.found.latency.p95) if halves else None,
        half_p99_ms=_median(halves, lambda each: each.found.latency.p99) if halves else None,
        start_s=statistics.median(run.start_s for run in runs),
        memory_mb=statistics.median(run.full.found.memory_bytes for run in runs) / 1e6,
        idle_cpu=idle,
        failed=sum(load.found.failed for load in loads),
        kill_failed=sum(each.failed for each in kills) if kills else None,
        kill_repeated=sum(each.job_frames - each.asked + each.failed for each in kills) if kills else None,
        kill_worst_ms=_median_of(each.latency.worst for each in kills),
        kill_back_s=_median_of(float("inf") if each.back_s is None else each.back_s for each in kills),
    )


def messaging_ms(found: Found, idle: float = 0.0) -> float:
    """Return the CPU a frame of all processes, without the job's own steps and the share ``idle`` of a core."""
    return (found.cpu_s - found.job_cpu_s - idle * found.seconds) / max(1, found.job_frames) * MS


def _outside_ms(found: Found) -> float:
    return found.latency.mean - found.job_wall_s / max(1, found.job_frames) * MS


def _quiet(loads: Sequence[Between]) -> Sequence[Between]:
    return [load for load in loads if load.quiet] or loads


def _median(loads: Sequence[Between], value: Callable[[Between], float]) -> float:
    return statistics.median(map(value, loads))


def _median_of(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None
