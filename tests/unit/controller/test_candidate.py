from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.dispatch.candidate import (
    SLOTS,
    Candidate,
    Chain,
    Flight,
    Role,
    Route,
    backlog_s,
    choose,
    find_route,
    patience_s,
    window,
)
from controller.dispatch.estimate import HALF_LIFE_S, Estimate

WHOLE = Chain("m", "0" * 64, None, 1)
CUT = Chain("m", "0" * 64, "1" * 16, 3)
ROLE = Role(WHOLE, 0)
times = st.floats(min_value=0, max_value=10)
candidates = st.builds(
    Candidate,
    node=st.text("abcdef", min_size=1, max_size=3),
    free=st.booleans(),
    backlog_s=times,
    service_s=times,
    load=st.integers(0, 4),
)
sets = st.lists(candidates, max_size=5)


def find(*nodes: Candidate, avoid: frozenset[str] = frozenset()) -> str | None:
    route = find_route(WHOLE, [nodes], avoid=avoid)
    return route.nodes[0] if route else None


def test_the_fast_node_is_chosen_even_when_it_already_works() -> None:
    assert find(Candidate("slow", True, 0.0, 0.6), Candidate("fast", True, 0.1, 0.1)) == "fast"


def test_the_slow_node_is_chosen_when_the_fast_one_is_full() -> None:
    assert find(Candidate("fast", False, 0.2, 0.1), Candidate("slow", True, 0.0, 0.6)) == "slow"


def test_a_node_that_has_never_run_the_model_is_tried_first() -> None:
    assert find(Candidate("known", True, 0.0, 0.01), Candidate("new", True, 0.0, 0.0)) == "new"


def test_a_node_to_be_avoided_is_taken_where_a_stage_has_no_other_and_never_all_the_way() -> None:
    only, other = Candidate("only", True, 0.0, 0.1), Candidate("other", True, 5.0, 5.0)
    avoid = frozenset({"only"})
    assert find(only, avoid=avoid) is None
    assert find(only, other, avoid=avoid) == "other"
    route = find_route(CUT, [[only], [only, other], [only]], avoid=avoid)
    assert route is not None
    assert (route.nodes, route.avoided) == (("only", "other", "only"), 2)


def test_what_is_in_flight_is_worked_off_in_order_and_the_oldest_has_been_worked_on() -> None:
    flights = [Flight(ROLE, 0.0, 0.5), Flight(ROLE, 0.3, 1.0)]
    assert backlog_s(flights, {ROLE: 0.5}, now=0.4) == pytest.approx(0.5 - 0.4 + 0.5)


def test_a_stage_that_hands_on_counts_as_done_when_it_should_be_and_the_last_one_when_it_has_answered() -> None:
    middle, last = Role(CUT, 1), Role(CUT, 2)
    service = {middle: 0.5, last: 0.5}
    assert backlog_s([Flight(middle, 0.0, 0.5)], service, now=1.0) == 0.0
    assert backlog_s([Flight(last, 0.0, 0.5), Flight(last, 0.0, 1.0)], service, now=2.0) == 0.5


def test_a_frame_that_has_yet_to_come_keeps_a_node_busy_from_then_on() -> None:
    middle = Role(CUT, 1)
    assert backlog_s([Flight(middle, 3.0, 4.0)], {middle: 1.0}, now=1.0) == 3.0


@given(st.lists(sets, min_size=1, max_size=4), st.floats(0, 1))
def test_a_route_has_a_free_node_a_stage_and_each_begins_when_the_frame_is_there(
    stages: list[list[Candidate]], hop_s: float
) -> None:
    chain = CUT._replace(stages=len(stages))
    route = find_route(chain, stages, hop_s=hop_s)
    assert (route is None) == any(not any(each.free for each in stage) for stage in stages)
    if route is None:
        return
    arrival = 0.0
    for stage, (hop, end) in enumerate(zip(route.hops, route.ends, strict=True)):
        assert (hop.stage, route.arrivals[stage]) == (stage, arrival)
        ends = {each.node: max(arrival, each.backlog_s) + each.service_s for each in stages[stage] if each.free}
        assert end == min(max(arrival, each.backlog_s) + each.service_s for each in stages[stage] if each.free)
        assert hop.node in ends
        arrival = end + hop_s


@given(st.lists(sets, max_size=4))
def test_the_route_chosen_is_expected_first(stages: list[list[Candidate]]) -> None:
    routes = [route for nodes in stages if (route := find_route(WHOLE, [nodes]))]
    chosen = choose(routes)
    assert (chosen is None) == (not routes)
    if chosen:
        assert all(chosen.ends[-1] <= route.ends[-1] for route in routes)


def test_among_equals_the_shorter_way_is_taken() -> None:
    free = Candidate("a", True, 0.0, 0.0)
    long, short = find_route(CUT, [[free]] * 3), find_route(WHOLE, [[free]])
    assert isinstance(long, Route)
    assert isinstance(short, Route)
    assert choose([long, short]) is short


@given(times, times, st.integers(1, 16))
def test_a_window_lets_a_stage_be_busy_all_the_time_and_is_never_above_two_frames_a_node(
    service: float, rest: float, nodes: int
) -> None:
    frames = window(service, service + rest, nodes)
    assert SLOTS <= frames <= SLOTS * nodes
    if service > 0 and frames < SLOTS * nodes:
        assert frames * service >= service + rest


def test_a_chain_of_equal_stages_holds_one_frame_a_stage_and_one_more() -> None:
    assert [window(0.1, 0.1 * stages, stages) for stages in (1, 2, 3, 5)] == [2, 3, 4, 6]


@given(times, times)
def test_patience_is_three_times_the_expectation_unless_the_deadline_is_near(expected: float, left: float) -> None:
    patience = patience_s(expected, left)
    assert patience <= max(0.25, 3 * expected)
    if left >= 2 * expected + 0.05 + 1e-9:  # sums of floats
        assert patience >= min(expected, 0.25)
        assert patience + expected <= left or patience <= left - 0.05


def test_a_node_that_was_slow_once_is_tried_again_after_a_while() -> None:
    warm_up, usual = Estimate(0.7, at=0.0), Estimate(0.1, at=60.0)
    nodes = [
        Candidate(name, True, 0.0, estimate.aged_s(60.0)) for name, estimate in (("slow", warm_up), ("usual", usual))
    ]
    assert find(*nodes) == "slow"


@given(st.floats(0.001, 10), st.floats(0.001, 10), st.floats(0, 100))
def test_a_renewed_estimate_lies_between_the_old_and_the_new_and_nearer_to_the_new_the_older_it_was(
    old: float, new: float, age: float
) -> None:
    renewed = Estimate(old, at=0.0).renewed(new, now=age)
    assert min(old, new) - 1e-9 <= renewed.seconds <= max(old, new) + 1e-9
    later = Estimate(old, at=0.0).renewed(new, now=age + HALF_LIFE_S)
    assert abs(later.seconds - new) <= abs(renewed.seconds - new) + 1e-9


def test_one_frame_that_a_node_was_frozen_in_the_middle_of_does_not_keep_it_from_work() -> None:
    frozen, usual = Estimate(0.05, at=0.0).renewed(30.0, now=1.0), Estimate(0.05, at=1.0)
    assert frozen.seconds <= 2 * usual.seconds


def test_a_node_that_is_ten_times_slower_from_now_on_is_found_out_within_a_few_frames() -> None:
    estimate = Estimate(0.05, at=0.0)
    for frame in range(1, 11):
        estimate = estimate.renewed(0.5, now=frame * 0.5)
    assert estimate.seconds > 0.3


def test_parts_of_a_picture_start_at_once_and_the_slowest_decides_when_the_rest_begins() -> None:
    chain = Chain("m", "0" * 64, "1" * 16, 4, parts=2)
    seconds = (0.3, 0.5, 0.2, 0.1)
    stages = [[Candidate(f"n{stage}", True, 0.0, each)] for stage, each in enumerate(seconds)]
    route = find_route(chain, stages, hop_s=0.01)
    assert route is not None
    assert route.arrivals == pytest.approx((0.0, 0.0, 0.51, 0.72))
    assert route.ends == pytest.approx((0.3, 0.5, 0.71, 0.82))
