"""Changes of plan are few, whatever the measurements do, and none is missed that matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning import Node, Problem, Stage, Workload, evaluate, make_plan
from controller.planning.replanning import GAIN, HOLD_S, INTERVAL_S, REPAIR_S, Watch, judge

STEP_S = 5.0
steps = st.lists(st.one_of(st.none(), st.floats(-1, 10)), min_size=1, max_size=200)


def play(gains: list[float | None], *, only_adds: bool = False, step_s: float = STEP_S) -> list[float]:
    """Return when the plan changed; each change starts from a plan that has just been made at 0."""
    watch, changes = Watch(0.0), []
    for number, gain in enumerate(gains, start=1):
        watch, verdict = judge(watch, number * step_s, gain=gain, only_adds=only_adds)
        if verdict.change:
            assert verdict.reason
            changes.append(number * step_s)
    return changes


@given(st.lists(st.floats(-1, 10), min_size=1, max_size=200), st.booleans())
def test_a_plan_that_works_is_changed_at_most_once_in_an_interval(gains: list[float], adds: bool) -> None:  # noqa: FBT001 - drawn
    changes = play(list(gains), only_adds=adds)
    assert all(later - earlier >= INTERVAL_S for earlier, later in zip([0.0, *changes], changes, strict=False))


@given(steps)
def test_even_a_plan_that_breaks_again_and_again_is_not_changed_at_every_look(gains: list[float | None]) -> None:
    changes = play(gains, step_s=0.5)
    assert all(later - earlier >= REPAIR_S for earlier, later in zip([0.0, *changes], changes, strict=False))


@given(st.lists(st.floats(-0.5, GAIN * 0.999), min_size=1, max_size=200))
def test_noise_below_the_margin_changes_nothing(gains: list[float]) -> None:
    assert play(list(gains)) == []


@given(st.lists(st.floats(-0.5, GAIN * 0.499), min_size=1, max_size=20), st.integers(1, 20))
def test_peaks_that_do_not_last_change_nothing(low: list[float], repeats: int) -> None:
    peaks = int(HOLD_S / STEP_S)  # one look short of long enough
    assert play(([10.0] * peaks + list(low)) * repeats) == []


@given(st.lists(st.floats(GAIN, 10), min_size=30, max_size=60))
def test_what_stays_better_by_the_margin_is_taken(gains: list[float]) -> None:
    assert play(list(gains))[0] == INTERVAL_S


def test_a_plan_that_cannot_run_gives_way_at_once() -> None:
    assert play([0.0, None]) == [2 * STEP_S]


def test_a_node_that_joins_is_taken_in_for_little() -> None:
    gains: list[float | None] = [0.05] * 20
    assert play(gains) == []
    assert play(gains, only_adds=True) == [INTERVAL_S]


def test_a_small_dip_does_not_begin_the_wait_anew() -> None:
    gains: list[float | None] = [0.0] * 20 + [0.3, 0.2, 0.3, 0.3]
    assert play(gains) == [24 * STEP_S]


WORK = Workload(
    model="net", cuts=(0, 10, 20), crossing_bytes=(1000, 1000, 100), weight_bytes=(1, 1), arena_bytes=(0, 0)
)


def test_a_running_plan_is_valued_by_the_nodes_that_are_left() -> None:
    nodes = tuple(Node(name=name, memory_bytes=1, seconds=(0.1, 0.1)) for name in ("a", "b", "c"))
    pipeline = (Stage(0, 10, ("a", "gone")), Stage(10, 20, ("b", "c")))
    problem = Problem(workload=WORK, nodes=nodes)
    found = evaluate(problem, [pipeline])
    assert found is not None
    assert found.throughput_s == pytest.approx(10)
    assert evaluate(problem, [(Stage(0, 10, ("gone",)), Stage(10, 20, ("b",)))]) is None
    assert evaluate(problem, [(Stage(0, 7, ("a",)), Stage(7, 20, ("b",)))]) is None
    plan = make_plan(problem)
    assert evaluate(problem, plan.chosen.pipelines) == plan.chosen.prediction
