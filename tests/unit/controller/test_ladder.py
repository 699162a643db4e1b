"""The ladder over schedules of capacity in virtual time: down when it must, up when it can, and no swinging."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.lanes.ladder import DOWN_S, MAX_UP_S, STEPS, UP_S, Ladder, Reading, Rung, climb

COST = {Rung.FULL: 1.0, Rung.SMALLER_MODEL: 0.4, Rung.FEWER_FRAMES: 0.4, Rung.MOTION_ONLY: 0.0}
CAMERA_FPS = 10.0
MIN_FPS = 2.0


def live(
    capacity: Callable[[float], float], seconds: int, *, fallback: bool = True, start: Ladder | None = None
) -> Iterator[tuple[float, Ladder]]:
    """Yield a lane's ladder each second, on a cluster that works off ``capacity(now)`` full frames a second."""
    ladder = start or Ladder()
    for second in range(1, seconds + 1):
        now = float(second)
        step = STEPS[ladder.step]
        small = fallback and step in (Rung.SMALLER_MODEL, Rung.FEWER_FRAMES)
        arrived = {Rung.FEWER_FRAMES: MIN_FPS, Rung.MOTION_ONLY: 0.0}.get(step, CAMERA_FPS)
        able = capacity(now) / (COST[Rung.SMALLER_MODEL] if small else COST[Rung.FULL])
        reading = Reading(
            seconds=1.0,
            arrived=int(arrived),
            answered=int(min(arrived, able)),
            min_fps=MIN_FPS,
            nodes=int(capacity(now) > 0),
            has_fallback=fallback,
            accelerator_missing=False,
        )
        ladder = climb(ladder, reading, now)
        yield now, ladder


def rungs(schedule: Iterator[tuple[float, Ladder]]) -> list[Rung]:
    return [ladder.rung for _, ladder in schedule]


def changes(found: list[Rung]) -> int:
    return sum(before != after for before, after in itertools.pairwise(found))


def test_with_enough_capacity_nothing_changes() -> None:
    assert set(rungs(live(lambda _: 20.0, 300))) == {Rung.FULL}


def test_a_want_that_is_met_by_fewer_frames_than_the_camera_sends_is_no_reason_to_step_down() -> None:
    assert set(rungs(live(lambda _: MIN_FPS, 300))) == {Rung.FULL}


def test_with_too_little_for_the_model_but_enough_for_the_smaller_one_that_one_looks() -> None:
    assert rungs(live(lambda _: 1.0, 20))[-1] is Rung.SMALLER_MODEL


def test_without_capacity_only_motion_is_left() -> None:
    found = list(live(lambda _: 0.0, 30))
    assert found[-1][1].rung is Rung.MOTION_ONLY
    assert found[-1][1].reason == "0.0 of 2.0 frames a second answered"


def test_without_a_smaller_model_that_rung_is_left_out_both_ways() -> None:
    found = rungs(live(lambda now: 0.0 if now < 40 else 20.0, 200, fallback=False))
    assert Rung.SMALLER_MODEL not in found
    assert found[-1] is Rung.FULL


@settings(max_examples=50)
@given(st.floats(0, 20), st.integers(10, 120))
def test_it_returns_to_the_top_when_the_capacity_returns(low: float, until: int) -> None:
    found = rungs(live(lambda now: low if now < until else 20.0, until + 700))
    assert found[-1] is Rung.FULL


@settings(max_examples=15)
@given(st.floats(0, 20))
def test_at_a_constant_capacity_it_settles(capacity: float) -> None:
    found = rungs(live(lambda _: capacity, 3600))
    assert changes(found[-1800:]) <= 2 * 1800 / MAX_UP_S + 2


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), fallback=st.booleans())
def test_under_any_noise_a_step_down_needs_seconds_and_a_step_up_needs_more(
    seed: int,
    fallback: bool,  # noqa: FBT001 - drawn
) -> None:
    noise = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    found = [(0.0, Ladder()), *live(lambda _: noise.choice([0, 1, 5, 20]) * noise.random(), 600, fallback=fallback)]
    last_step = 0.0
    for (_, before), (now, after) in itertools.pairwise(found):
        if after.step != before.step:
            assert now - last_step >= (DOWN_S if after.step > before.step else UP_S) or last_step == 0.0
            last_step = now


def test_tries_that_fail_become_rarer() -> None:
    found = list(live(lambda _: 1.0, 2000))
    tries = [now for (_, before), (now, after) in itertools.pairwise(found) if after.step < before.step]
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= MAX_UP_S


def test_a_node_that_joins_makes_the_next_try_a_matter_of_seconds() -> None:
    found = list(live(lambda now: 0.0 if now < 1500 else 20.0, 1560))
    assert found[1498][1].wait_s == MAX_UP_S
    assert found[-1][1].rung is Rung.FULL


def test_a_blind_camera_is_no_reason_for_a_step() -> None:
    ladder = Ladder()
    for second in range(100):
        ladder = climb(ladder, reading(arrived=0, answered=0), float(second))
    assert ladder.rung is Rung.FULL


def test_an_accelerator_that_is_away_for_a_while_is_told_and_one_that_flickers_is_not() -> None:
    ladder = Ladder()
    for second in range(20):
        ladder = climb(ladder, reading(missing=second % 2 == 0), float(second))
    assert ladder.rung is Rung.FULL
    for second in range(20, 30):
        ladder = climb(ladder, reading(missing=True), float(second))
    assert ladder.rung is Rung.CPU
    for second in range(30, 40):
        ladder = climb(ladder, reading(missing=False), float(second))
    assert ladder.rung is Rung.FULL


def test_a_smaller_model_that_goes_away_is_left_at_once() -> None:
    on_smaller = Ladder(step=STEPS.index(Rung.SMALLER_MODEL))
    assert climb(on_smaller, reading(has_fallback=False), 100.0).rung is Rung.FEWER_FRAMES


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_no_reading_moves_further_than_one_rung_that_can_be_used(step: int) -> None:
    for answered in (0, 10):
        after = climb(Ladder(step=step, bad_since=0.0), reading(answered=answered), 1000.0)
        assert abs(after.step - step) <= 1


def reading(*, arrived: int = 10, answered: int = 10, has_fallback: bool = True, missing: bool = False) -> Reading:
    return Reading(
        seconds=1.0,
        arrived=arrived,
        answered=answered,
        min_fps=MIN_FPS,
        nodes=1,
        has_fallback=has_fallback,
        accelerator_missing=missing,
    )
