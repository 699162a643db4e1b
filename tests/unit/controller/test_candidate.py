from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.dispatch.candidate import HALF_LIFE_S, SLOTS, Candidate, Estimate, choose, patience_s

times = st.floats(min_value=0, max_value=10)
candidates = st.builds(
    Candidate,
    node=st.text("abcdef", min_size=1, max_size=3),
    in_flight=st.lists(st.tuples(st.just("m"), times), max_size=SLOTS).map(tuple),
    service_s=st.dictionaries(st.just("m"), times),
)


def test_the_fast_node_is_chosen_even_when_it_already_works() -> None:
    fast = Candidate("fast", (("m", 0.0),), {"m": 0.1})
    slow = Candidate("slow", (), {"m": 0.6})
    chosen = choose([slow, fast], "m", now=0.0)
    assert chosen is fast


def test_the_slow_node_is_chosen_when_the_fast_one_is_full() -> None:
    fast = Candidate("fast", (("m", 0.0),) * SLOTS, {"m": 0.1})
    slow = Candidate("slow", (), {"m": 0.6})
    assert choose([fast, slow], "m", now=0.0) is slow


def test_a_node_that_has_never_run_the_model_is_tried_first() -> None:
    known = Candidate("known", (), {"m": 0.01})
    new = Candidate("new")
    assert choose([known, new], "m", now=0.0) is new


def test_the_oldest_frame_in_flight_counts_only_what_is_left_of_it() -> None:
    node = Candidate("n", (("m", 0.0), ("m", 0.3)), {"m": 0.5})
    assert node.expected_s("m", now=0.4) == 0.5 - 0.4 + 0.5 + 0.5


@given(st.lists(candidates, max_size=6), times)
def test_a_choice_is_free_and_none_free_is_expected_sooner(nodes: list[Candidate], now: float) -> None:
    chosen = choose(nodes, "m", now)
    if chosen is None:
        assert not any(node.free for node in nodes)
    else:
        assert chosen.free
        assert all(chosen.expected_s("m", now) <= node.expected_s("m", now) for node in nodes if node.free)


@given(times, times)
def test_patience_is_three_times_the_expectation_unless_the_deadline_is_near(expected: float, left: float) -> None:
    patience = patience_s(expected, left)
    assert patience <= max(0.25, 3 * expected)
    if left >= 2 * expected + 0.05:
        assert patience >= min(expected, 0.25)
        assert patience + expected <= left or patience <= left - 0.05


def test_a_node_that_was_slow_once_is_tried_again_after_a_while() -> None:
    warm_up, usual = Estimate(0.7, at=0.0), Estimate(0.1, at=60.0)
    views = [Candidate("was-slow", (), {"m": warm_up.aged_s(60.0)}), Candidate("usual", (), {"m": usual.aged_s(60.0)})]
    chosen = choose(views, "m", 60.0)
    assert chosen is views[0]


@given(st.floats(0.001, 10), st.floats(0.001, 10), st.floats(0, 100))
def test_a_renewed_estimate_lies_between_the_old_and_the_new_and_nearer_to_the_new_the_older_it_was(
    old: float, new: float, age: float
) -> None:
    renewed = Estimate(old, at=0.0).renewed(new, now=age)
    assert min(old, new) - 1e-9 <= renewed.seconds <= max(old, new) + 1e-9
    later = Estimate(old, at=0.0).renewed(new, now=age + HALF_LIFE_S)
    assert abs(later.seconds - new) <= abs(renewed.seconds - new) + 1e-9
