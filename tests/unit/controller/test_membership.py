from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.nodes.membership import (
    DEAD_S,
    MISSED_S,
    SUSPECT_S,
    Liveness,
    fold,
    forget,
    is_missing,
    mark_gone,
    mark_suspect,
)
from controller.results.latency import Latencies, percentile, worst_latencies
from tests.testing.heartbeats import make_heartbeat


def test_a_node_is_live_then_suspect_then_dead_as_it_stays_silent() -> None:
    member = fold({}, make_heartbeat("pi1"), 100.0)["pi1"]
    assert [member.liveness(100.0 + s) for s in (0, SUSPECT_S - 0.01, SUSPECT_S, DEAD_S - 0.01, DEAD_S)] == [
        Liveness.LIVE,
        Liveness.LIVE,
        Liveness.SUSPECT,
        Liveness.SUSPECT,
        Liveness.DEAD,
    ]


def test_a_heartbeat_that_was_overtaken_changes_nothing() -> None:
    members = fold({}, make_heartbeat("pi1", seq=5), 1.0)
    assert fold(members, make_heartbeat("pi1", seq=4), 2.0) is members


def test_a_restarted_agent_is_heard_though_it_counts_from_zero_again() -> None:
    members = fold({}, make_heartbeat("pi1", seq=5, session="old"), 1.0)
    assert fold(members, make_heartbeat("pi1", seq=0, session="new"), 2.0)["pi1"].heartbeat.session == "new"


def test_a_node_that_says_goodbye_is_dead_at_once_and_comes_back_with_a_heartbeat() -> None:
    members = mark_gone(fold({}, make_heartbeat("pi1"), 10.0), "pi1", 10.5)
    assert members["pi1"].liveness(10.5) is Liveness.DEAD
    assert fold(members, make_heartbeat("pi1", seq=1), 11.0)["pi1"].liveness(11.0) is Liveness.LIVE
    assert mark_gone({}, "stranger", 1.0) == {}


def test_a_node_that_is_not_there_when_asked_is_suspect_as_soon_as_a_heartbeat_is_missing_too() -> None:
    members = fold({}, make_heartbeat("pi1"), 10.0)
    assert not is_missing(members["pi1"], 10.0 + MISSED_S - 0.01)
    now = 10.0 + MISSED_S
    assert is_missing(members["pi1"], now)
    members = mark_suspect(members, "pi1", now)
    assert members["pi1"].liveness(now) is Liveness.SUSPECT
    assert not is_missing(members["pi1"], now)
    assert members["pi1"].liveness(now + DEAD_S - SUSPECT_S) is Liveness.DEAD
    assert fold(members, make_heartbeat("pi1", seq=1), now)["pi1"].liveness(now) is Liveness.LIVE


def test_a_node_long_silent_is_forgotten() -> None:
    members = fold(fold({}, make_heartbeat("old"), 0.0), make_heartbeat("new"), 50.0)
    assert set(forget(members, 60.0, after_s=30.0)) == {"new"}


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_percentile_is_a_value_of_the_list_with_that_share_at_or_below_it(values: list[float]) -> None:
    ordered = sorted(values)
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        found = percentile(ordered, share)
        assert sum(v <= found for v in ordered) >= share * len(ordered)
        assert sum(v < found for v in ordered) < share * len(ordered)


def test_no_results_have_no_latency() -> None:
    assert Latencies().summary() == {"p50": 0.0, "p95": 0.0, "p99": 0.0}


def test_of_several_controllers_the_highest_percentiles_are_told() -> None:
    mine, other = {"p50": 40.0, "p99": 300.0}, {"p50": 55.0, "p99": 90.0}
    assert worst_latencies([mine, other]) == worst_latencies([other, mine]) == {"p50": 55.0, "p99": 300.0}
    assert worst_latencies([]) == {}
