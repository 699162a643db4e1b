from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.canaries.standing import (
    DOUBT_S,
    PASSES,
    PERIOD_S,
    SLOW_LIMIT,
    Standing,
    Verdict,
    choose_due,
    next_due,
)

GOOD = Standing(due_at=0.0)
FENCED = Standing(due_at=0.0, fenced=True, reason="wrong")


def run(standing: Standing, *verdicts: Verdict) -> Standing:
    for verdict in verdicts:
        standing = standing.after(verdict, verdict.value, standing.due_at, 0.5)
    return standing


def test_one_wrong_answer_fences() -> None:
    after = run(GOOD, Verdict.WRONG)
    assert (after.fenced, after.reason, after.due_at) == (True, "wrong", DOUBT_S)


def test_only_slowness_that_repeats_fences() -> None:
    assert not run(GOOD, *[Verdict.SLOW] * (SLOW_LIMIT - 1)).fenced
    assert run(GOOD, *[Verdict.SLOW] * SLOW_LIMIT).fenced
    assert not run(GOOD, *[Verdict.SLOW] * (SLOW_LIMIT - 1), Verdict.RIGHT, Verdict.SLOW).fenced


def test_a_fenced_node_is_back_after_enough_right_answers_in_a_row() -> None:
    assert run(FENCED, *[Verdict.RIGHT] * (PASSES - 1)).fenced
    assert not run(FENCED, *[Verdict.RIGHT] * PASSES).fenced


@pytest.mark.parametrize("bad", [Verdict.WRONG, Verdict.SLOW])
def test_one_bad_answer_has_a_fenced_node_begin_again(bad: Verdict) -> None:
    after = run(FENCED, *[Verdict.RIGHT] * (PASSES - 1), bad)
    assert (after.fenced, after.passed) == (True, 0)


@given(st.lists(st.sampled_from(list(Verdict)), max_size=60))
def test_a_node_is_unfenced_by_right_answers_alone_and_fenced_by_bad_ones_alone(verdicts: list[Verdict]) -> None:
    standing = GOOD
    for number, verdict in enumerate(verdicts):
        after = standing.after(verdict, "r", standing.due_at, 0.5)
        if standing.fenced and not after.fenced:
            said = [each for each in verdicts[: number + 1] if each is not Verdict.VOID]
            assert said[-PASSES:] == [Verdict.RIGHT] * PASSES
        if after.fenced and not standing.fenced:
            assert verdict in (Verdict.WRONG, Verdict.SLOW)
        assert after.due_at > standing.due_at
        standing = after


@given(st.floats(0, 1, exclude_max=True))
def test_canaries_are_spread_and_stay_rare(chance: float) -> None:
    assert 0.75 * PERIOD_S <= next_due(0.0, chance) <= 1.25 * PERIOD_S


def test_what_is_due_longest_is_asked_first_and_nothing_before_its_time() -> None:
    standings = {("a", "m"): Standing(5.0), ("b", "m"): Standing(3.0), ("c", "m"): Standing(9.0)}
    assert choose_due(standings, 2.0) is None
    assert choose_due(standings, 6.0) == ("b", "m")
