"""The motion gate."""

from __future__ import annotations

import numpy as np

from controller.cameras.motion import (
    GATE_HEIGHT,
    GATE_WIDTH,
    Gray,
    MotionPolicy,
    MotionState,
    Verdict,
    is_still,
    judge_motion,
)

POLICY = MotionPolicy(threshold=0.01, hold=2.0, keepalive=None)


def empty() -> Gray:
    return np.full((GATE_HEIGHT, GATE_WIDTH), 100, np.uint8)


def with_share(share: float) -> Gray:
    """An empty scene with so large a share of white pixels."""
    gray = empty()
    gray.reshape(-1)[: round(share * gray.size)] = 255
    return gray


def judge(pictures: list[tuple[float, Gray]], policy: MotionPolicy) -> list[Verdict]:
    state: MotionState | None = None
    verdicts = []
    for now, gray in pictures:
        state, verdict = judge_motion(state, gray, now, policy)
        verdicts.append(verdict)
    return verdicts


def test_the_first_picture_passes() -> None:
    assert judge([(0.0, empty())], POLICY) == [Verdict(passed=True, motion=None)]


def test_an_empty_scene_is_gated() -> None:
    verdicts = judge([(number / 10, empty()) for number in range(10)], POLICY)
    assert [verdict.passed for verdict in verdicts] == [True] + [False] * 9
    assert verdicts[-1].motion == 0.0


def test_noise_below_the_pixel_delta_is_no_motion() -> None:
    noise = np.random.default_rng(1).integers(-8, 9, (50, GATE_HEIGHT, GATE_WIDTH))
    pictures = [(number / 10, (empty() + layer).astype(np.uint8)) for number, layer in enumerate(noise)]
    assert not any(verdict.passed for verdict in judge(pictures, POLICY)[1:])


def test_a_changed_share_at_the_threshold_opens_the_gate() -> None:
    assert judge([(0.0, empty()), (0.1, with_share(0.02))], POLICY)[1].passed
    assert not judge([(0.0, empty()), (0.1, with_share(0.009))], POLICY)[1].passed


def test_the_motion_told_is_the_changed_share() -> None:
    motion = judge([(0.0, empty()), (0.1, with_share(0.25))], POLICY)[1].motion
    assert motion == 0.25


def test_an_open_gate_stays_open_for_the_hold_and_then_closes() -> None:
    pictures = [(0.0, empty()), (1.0, with_share(0.05)), (2.0, empty()), (2.9, empty()), (3.1, empty())]
    assert [verdict.passed for verdict in judge(pictures, POLICY)] == [True, True, True, True, False]


def test_an_open_gate_is_kept_open_by_half_the_motion_that_opens_it() -> None:
    pictures = [(0.0, empty()), (1.0, with_share(0.05)), (2.5, with_share(0.008)), (4.0, empty()), (5.0, empty())]
    assert [verdict.passed for verdict in judge(pictures, POLICY)] == [True, True, True, True, False]


def test_a_picture_passes_at_least_as_often_as_the_keepalive_says() -> None:
    policy = MotionPolicy(keepalive=3.0)
    verdicts = judge([(float(number), empty()) for number in range(10)], policy)
    assert [number for number, verdict in enumerate(verdicts) if verdict.passed] == [0, 3, 6, 9]


def test_what_stays_becomes_background() -> None:
    pictures = [(0.0, empty())] + [(10.0 + number, with_share(0.2)) for number in range(100)]
    verdicts = judge(pictures, POLICY)
    assert verdicts[1].passed
    assert not verdicts[-1].passed


def test_a_judgement_changes_nothing_it_was_given() -> None:
    state, _ = judge_motion(None, empty(), 0.0, POLICY)
    before = state.background.copy()
    judge_motion(state, with_share(0.5), 0.1, POLICY)
    assert np.array_equal(state.background, before)


def test_only_an_equal_picture_is_still() -> None:
    other = empty()
    other[50, 50] += 1
    assert is_still(empty(), empty())
    assert not is_still(empty(), other)
    assert not is_still(None, empty())
