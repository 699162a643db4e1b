from __future__ import annotations

import pytest

from benchmarks.frame_path.bare import Bare
from benchmarks.frame_path.orders import Found
from benchmarks.frame_path.rounds import TRIES, Between, Run, run_between
from benchmarks.frame_path.summary import messaging_ms, summarise_runs
from benchmarks.harness.quantiles import Quantiles, summarise

LATENCY = Quantiles(p50=10.0, p95=11.0, p99=12.0, worst=13.0, mean=10.5)


def make_bare(rate: float) -> Bare:
    return Bare(rate=rate, cpu_ms=9.0, latency=LATENCY)


def make_found(**changed: object) -> Found:
    plain = {
        "answered": 100,
        "failed": 0,
        "failures": (),
        "seconds": 1.0,
        "latency": LATENCY,
        "cpu_s": 1.1,
        "job_frames": 100,
        "asked": 100,
        "job_cpu_s": 0.9,
        "job_wall_s": 0.95,
        "memory_bytes": 1,
    }
    return Found(**(plain | changed))  # type: ignore[arg-type]


def make_between(drift: float = 0.0, **changed: object) -> Between:
    return Between(found=make_found(**changed), bare=make_bare(200.0), drift=drift, tries=1)


def make_run(**changed: object) -> Run:
    idle = make_found(answered=0, asked=0, job_frames=0, job_cpu_s=0.0, cpu_s=0.05)
    plain = {"contender": "x", "start_s": 1.0, "one": make_between(), "full": make_between(), "idle": idle}
    return Run(**(plain | changed))  # type: ignore[arg-type]


def test_a_load_on_a_quiet_machine_is_laid_on_once() -> None:
    rates = iter((100.0, 95.0))
    between = run_between(lambda: make_bare(next(rates)), lambda _bare: make_found())
    assert between.quiet
    assert between.tries == 1
    assert between.bare.rate == 97.5


def test_a_load_while_the_bare_job_drifted_is_thrown_away() -> None:
    rates = iter((100.0, 80.0, 100.0, 100.0))
    answered = iter((1, 2))
    between = run_between(lambda: make_bare(next(rates)), lambda _bare: make_found(answered=next(answered)))
    assert between.quiet
    assert (between.tries, between.found.answered) == (2, 2)


def test_on_a_machine_that_is_never_quiet_the_quietest_try_stands_and_is_marked() -> None:
    rates = iter((100.0, 50.0, 100.0, 80.0, 100.0, 60.0))
    answered = iter(range(TRIES))
    between = run_between(lambda: make_bare(next(rates)), lambda _bare: make_found(answered=next(answered)))
    assert not between.quiet
    assert (between.tries, between.found.answered) == (TRIES, 1)


def test_messaging_is_what_the_workers_did_not_spend_on_the_job() -> None:
    assert messaging_ms(make_found(cpu_s=1.2, job_cpu_s=1.0, job_frames=100)) == pytest.approx(2.0)


def test_what_processes_take_when_idle_is_told_apart_from_what_frames_cost() -> None:
    found = summarise_runs([make_run(full=make_between(cpu_s=1.15, job_cpu_s=1.0, job_frames=100))])
    assert found.idle_cpu == pytest.approx(0.05)
    assert found.messaging_whole_ms == pytest.approx(1.5)
    assert found.messaging_ms == pytest.approx(1.0)
    assert found.messaging_share == pytest.approx(0.1)


def test_disturbed_loads_do_not_count_where_there_are_quiet_ones() -> None:
    runs = [
        make_run(full=make_between(drift, answered=answered))
        for drift, answered in ((0.0, 180), (0.5, 20), (0.05, 182))
    ]
    found = summarise_runs(runs)
    assert found.saturation == pytest.approx(181 / 200)
    assert found.disturbed == 1


def test_a_worker_that_never_came_back_is_not_left_out() -> None:
    runs = [make_run(kill=make_found(back_s=None))]
    assert summarise_runs(runs).kill_back_s == float("inf")


def test_frames_done_twice_after_a_kill_are_counted() -> None:
    kill = make_found(asked=100, job_frames=102, back_s=1.0)
    runs = [make_run(kill=kill)]
    assert summarise_runs(runs).kill_repeated == 2


def test_quantiles_are_of_the_sorted_latencies() -> None:
    found = summarise([0.003, 0.001, 0.002])
    assert (found.p50, found.p99, found.worst) == (2.0, 3.0, 3.0)
