from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from controller.nodes.standby import RETURN_S, Primary, Standby, choose_standby

READY = Primary(ready_since=0.0, ever_ready=True)
NODES = ("p1", "p2", "b1", "b2")


def test_while_a_primary_serves_all_others_stand_by() -> None:
    assert choose_standby({"p1": READY}, {"p1", "b1", "b2"}, 1.0) == {"b1", "b2"}


def test_without_a_primary_nobody_stands_by() -> None:
    assert choose_standby({"p1": Primary()}, {"b1", "b2"}, 1.0) == frozenset()


def test_a_primary_that_returns_stands_by_at_first_unless_it_is_alone() -> None:
    back = Primary(ready_since=100.0, losses=1, lost_at=90.0)
    assert choose_standby({"p1": back}, {"p1", "b1"}, 101.0) == {"p1"}
    assert choose_standby({"p1": back}, {"p1"}, 101.0) == frozenset()
    assert choose_standby({"p1": back}, {"p1", "b1"}, 100.0 + RETURN_S) == {"b1"}


@given(ready=st.sets(st.sampled_from(NODES)), losses=st.integers(0, 9), since=st.none() | st.floats(0, 100))
def test_there_is_always_somebody_to_serve(ready: set[str], losses: int, since: float | None) -> None:
    primaries = {"p1": Primary(ready_since=since, losses=losses), "p2": Primary(ready_since=since)}
    assert not ready or ready - choose_standby(primaries, ready, 100.0)


def hand_overs(present: Iterator[bool]) -> int:
    """Return how often the work changed hands between a primary and its backup, looked at once a second."""
    now = 0.0
    standby = Standby(lambda: now)
    standby.replace({"m": ("p1",)})
    owners = []
    for there in present:
        now += 1.0
        ready = {"p1", "b1"} if there else {"b1"}
        standby.look(lambda _model, ready=ready: ready)
        owners.append("p1" if "p1" in ready - standby.of("m") else "b1")
    return sum(before != after for before, after in itertools.pairwise(owners))


@given(st.lists(st.booleans(), min_size=10, max_size=400))
def test_a_primary_that_comes_and_goes_is_given_the_work_ever_more_rarely(noise: list[bool]) -> None:
    seconds = len(noise)
    # Each hand-over back takes twice the calm of the one before, and each costs one hand-over away.
    most, calm, spent = 2, RETURN_S, 0.0
    while spent + calm < seconds:
        spent, calm, most = spent + calm, min(2 * calm, 160.0), most + 2
    assert hand_overs(iter(noise)) <= most


def test_a_primary_that_is_there_from_the_beginning_serves_from_the_beginning() -> None:
    assert hand_overs(iter([True] * 30)) == 0
