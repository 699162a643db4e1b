from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.dispatch.line import LIMITS, PATIENCE, Line, Rank, hint_ms

numbers = count()


@dataclass(frozen=True)
class Somebody:
    rank: Rank
    model: str = "m"
    number: int = field(default_factory=lambda: next(numbers))


def serve_next(line: Line[Somebody], *, model: str | None = None) -> Somebody | None:
    """Serve whoever is first of those who want the model, as a node that serves only that one would."""
    for who in line.in_turn():
        if model in (None, who.model):
            line.serve(who, lambda other: model in (None, other.model))
            return who
    return None


ranks = st.sampled_from(Rank)
arrivals = st.lists(st.one_of(ranks, st.none()), max_size=200)  # None: somebody is served


@given(arrivals)
def test_within_a_rank_the_first_to_come_is_the_first_to_be_served(steps: list[Rank | None]) -> None:
    line: Line[Somebody] = Line()
    served: dict[Rank, int] = dict.fromkeys(Rank, -1)
    for rank in [*steps, *[None] * 200]:
        if rank is not None:
            line.join(Somebody(rank))
        elif who := serve_next(line):
            assert who.number > served[who.rank]
            served[who.rank] = who.number
    assert len(line) == 0


@given(arrivals, ranks)
def test_nobody_waits_for_ever_however_many_of_other_ranks_keep_coming(steps: list[Rank | None], rank: Rank) -> None:
    line: Line[Somebody] = Line()
    for step in steps:
        if step is None:
            serve_next(line)
        else:
            line.join(Somebody(step))
    patient = Somebody(rank)
    ahead = line.count(rank)
    line.join(patient)
    bound = (ahead + 1) * (PATIENCE[rank] + len(Rank))
    for _ in range(bound):
        for other in set(Rank) - {rank}:
            line.join(Somebody(other))
        if serve_next(line) is patient:
            return
    pytest.fail(f"{patient} still waits after {bound} others were served")


@pytest.mark.parametrize(("rank", "share"), [(Rank.LIVE, 0.6), (Rank.INTERACTIVE, 0.24), (Rank.JOB, 0.12)])
def test_each_rank_has_its_share_where_all_of_them_always_wait(rank: Rank, share: float) -> None:
    line: Line[Somebody] = Line()
    served: list[Rank] = []
    for _ in range(1000):
        for each in Rank:
            if not line.count(each):
                line.join(Somebody(each))
        who = serve_next(line)
        assert who is not None
        served.append(who.rank)
    assert served.count(rank) / len(served) >= share


@given(st.lists(ranks, min_size=1, max_size=PATIENCE[Rank.INTERACTIVE]))
def test_until_somebody_is_due_the_better_rank_goes_first(joined: list[Rank]) -> None:
    line: Line[Somebody] = Line()
    for rank in joined:
        line.join(Somebody(rank))
    served = [who.rank for _ in joined if (who := serve_next(line))]
    assert served == sorted(joined)


@given(st.integers(1, 50))
def test_to_be_passed_over_by_work_that_one_could_not_have_taken_is_no_ground_for_a_turn(others: int) -> None:
    line: Line[Somebody] = Line()
    line.join(Somebody(Rank.JOB, "elsewhere"))
    for _ in range(others):
        line.join(Somebody(Rank.LIVE))
        serve_next(line, model="m")
    line.join(Somebody(Rank.LIVE, "elsewhere"))
    who = serve_next(line)
    assert who is not None
    assert who.rank is Rank.LIVE


def test_a_newcomer_waits_behind_its_own_rank_and_better_ones_of_the_same_model() -> None:
    line: Line[Somebody] = Line()
    line.join(Somebody(Rank.INTERACTIVE))
    assert not line.must_wait(Rank.LIVE, "m")
    assert line.must_wait(Rank.INTERACTIVE, "m")
    assert line.must_wait(Rank.JOB, "m")
    assert not line.must_wait(Rank.JOB, "other")


def test_a_newcomer_waits_behind_a_lesser_rank_that_is_due() -> None:
    line: Line[Somebody] = Line()
    line.join(Somebody(Rank.JOB))
    for _ in range(PATIENCE[Rank.JOB]):
        line.join(Somebody(Rank.LIVE))
        serve_next(line)
    assert line.must_wait(Rank.LIVE, "m")
    who = serve_next(line)
    assert who is not None
    assert who.rank is Rank.JOB


def test_a_second_try_goes_before_its_rank_and_who_leaves_is_not_served() -> None:
    line: Line[Somebody] = Line()
    first, second, again = (Somebody(Rank.LIVE) for _ in range(3))
    for who in (first, second):
        line.join(who)
    line.join(again, first=True)
    line.leave(first)
    assert [serve_next(line), serve_next(line), serve_next(line)] == [again, second, None]
    with pytest.raises(ValueError, match="not in"):
        line.leave(first)


def test_every_rank_has_a_limit() -> None:
    line: Line[Somebody] = Line()
    for rank in Rank:
        for _ in range(LIMITS[rank]):
            assert not line.is_full(rank)
            line.join(Somebody(rank))
        assert line.is_full(rank)


@given(st.integers(0, 10_000), st.floats(0, 100), st.integers(0, 100))
def test_a_hint_is_neither_at_once_nor_never(ahead: int, service_s: float, places: int) -> None:
    assert 50 <= hint_ms(ahead, service_s, places) <= 10_000


def test_a_hint_grows_with_the_line() -> None:
    assert hint_ms(0, 0.1, 2) < hint_ms(9, 0.1, 2) == 500
