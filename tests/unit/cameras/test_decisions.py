"""The plain functions that decide: back-off, watchdog, pacing, rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cameras.backoff import PATIENT, SOON, backoff_for, restart_delay
from controller.cameras.errors import FaultKind
from controller.cameras.pacing import FrameLimit, Pace, admit, due_at
from controller.cameras.state import measure_rate
from controller.cameras.watchdog import GRACE, HELD_UP, Limits, deadline, excused_until

chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10_000), chances)
def test_a_restart_waits_at_least_half_a_step_and_never_above_the_cap(attempt: int, chance: float) -> None:
    assert SOON.first / 2 <= restart_delay(SOON, attempt, chance) <= SOON.cap


@given(st.integers(0, 100))
def test_restarts_become_no_more_frequent(attempt: int) -> None:
    assert restart_delay(SOON, attempt, 0.0) <= restart_delay(SOON, attempt + 1, 0.0)


def test_chance_spreads_the_restarts_of_many_cameras() -> None:
    assert restart_delay(SOON, 3, 0.0) == pytest.approx(0.8)
    assert restart_delay(SOON, 3, 0.999) == pytest.approx(1.6, rel=0.01)


def test_a_refused_password_is_not_tried_again_soon() -> None:
    assert backoff_for(FaultKind.REFUSED_USER) == PATIENT
    assert restart_delay(PATIENT, 0, 0.0) >= 5.0
    assert {backoff_for(kind) for kind in FaultKind if kind is not FaultKind.REFUSED_USER} == {SOON}


def test_a_camera_has_longer_for_its_first_picture_than_for_the_next() -> None:
    limits = Limits(connect=10.0, stall=4.5)
    assert deadline(limits, started=100.0, last_sign=None) == 110.0
    assert deadline(limits, started=100.0, last_sign=103.0) == 107.5


def test_by_default_a_stall_is_over_before_five_seconds() -> None:
    assert Limits().stall < 5.0


def test_a_loop_that_was_held_up_excuses_the_silence() -> None:
    late = 10.0 + 2 * HELD_UP
    assert excused_until(planned=10.0, woke=late) == late + GRACE
    assert excused_until(planned=10.0, woke=10.05) == 10.05
    assert excused_until(planned=10.0, woke=9.0) == 9.0


def test_a_recording_is_due_at_its_own_pace() -> None:
    pace, due = due_at(None, 3.0, 100.0)
    assert due == 100.0
    same_pace, due = due_at(pace, 3.04, 100.01)
    assert same_pace == pace
    assert due == pytest.approx(100.04)


def test_a_recording_that_falls_behind_is_shifted_and_not_rushed() -> None:
    pace, due = due_at(Pace(97.0), 3.0, 102.0)
    assert (pace, due) == (Pace(99.0), 102.0)
    assert due_at(Pace(97.0), 3.0, 100.2) == (Pace(97.0), 100.0)


def test_a_recording_whose_time_jumps_does_not_hang() -> None:
    assert due_at(Pace(0.0), 1e9, 5.0)[1] == 5.0


@given(st.lists(st.floats(0.001, 2.0), min_size=20, max_size=200), st.floats(0.5, 30))
def test_a_frame_limit_holds_over_any_arrivals(gaps: list[float], fps: float) -> None:
    limit, now, passed = FrameLimit(1 / fps), 0.0, 0
    for gap in gaps:
        now += gap
        limit, admitted = admit(limit, now)
        passed += admitted
    assert passed <= now * fps + 2


def test_a_frame_limit_spaces_pictures_evenly_in_spite_of_jitter() -> None:
    limit, passed = FrameLimit(0.2), []
    for number in range(100):
        now = number * 0.05 + (0.015 if number % 2 else 0.0)
        limit, admitted = admit(limit, now)
        if admitted:
            passed.append(number)
    assert passed == list(range(0, 100, 4))


def test_a_frame_limit_above_the_rate_lets_everything_through() -> None:
    limit = FrameLimit(1 / 30)
    for number in range(50):
        limit, admitted = admit(limit, number / 10)
        assert admitted


def test_a_rate_is_that_of_late_and_falls_when_nothing_comes() -> None:
    times = [number / 10 for number in range(100)]
    assert measure_rate(times, 9.9) == pytest.approx(10.0)
    assert measure_rate(times, 11.9) < 8
    assert measure_rate(times, 60.0) == 0.0
    assert measure_rate([], 1.0) == 0.0
    assert measure_rate([1.0, 1.0], 1.0) == 0.0
