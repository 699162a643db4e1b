from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.leases.sharing import choose_planner, share_cameras

CONTROLLERS = st.sets(st.sampled_from("abcd"), min_size=1)
CAMERAS = st.dictionaries(st.integers(0, 30).map("cam{}".format), st.none() | st.sampled_from("abcdx"))
OWNERS = st.dictionaries(st.integers(0, 30).map("cam{}".format), st.sampled_from("abcdx"))


@given(cameras=CAMERAS, live=CONTROLLERS, owners=OWNERS)
def test_every_camera_has_exactly_one_live_controller_unless_it_is_tied_to_one_that_is_not(
    cameras: dict[str, str | None], live: set[str], owners: dict[str, str]
) -> None:
    shared = share_cameras(cameras, live, owners, live)
    assert set(shared) == {name for name, only in cameras.items() if only is None or only in live}
    assert all(shared[name] == (cameras[name] or shared[name]) for name in shared)
    assert set(shared.values()) <= live


@given(cameras=CAMERAS, live=CONTROLLERS, owners=OWNERS)
def test_shares_are_even_once_all_are_settled(
    cameras: dict[str, str | None], live: set[str], owners: dict[str, str]
) -> None:
    free = {name: None for name, only in cameras.items() if only is None}
    counts = Counter(share_cameras(free, live, owners, live).values())
    assert max(counts.values(), default=0) <= -(-len(free) // len(live))


@given(cameras=CAMERAS, live=CONTROLLERS, owners=OWNERS)
def test_a_second_look_moves_nothing(cameras: dict[str, str | None], live: set[str], owners: dict[str, str]) -> None:
    shared = share_cameras(cameras, live, owners, live)
    assert share_cameras(cameras, live, shared, live) == shared


@given(cameras=CAMERAS, live=CONTROLLERS, owners=OWNERS)
def test_a_controller_that_just_came_is_given_nothing_that_others_have(
    cameras: dict[str, str | None], live: set[str], owners: dict[str, str]
) -> None:
    shared = share_cameras(cameras, live, owners, ())
    kept = {name: owner for name, owner in owners.items() if owner in live and cameras.get(name, owner) is None}
    assert {name: shared[name] for name in kept if name in cameras} == {n: o for n, o in kept.items() if n in cameras}


def test_the_cameras_of_a_dead_controller_go_to_those_that_have_least() -> None:
    cameras = dict.fromkeys(["c1", "c2", "c3", "c4"])
    owners = {"c1": "a", "c2": "b", "c3": "dead", "c4": "dead"}
    assert share_cameras(cameras, ["a", "b"], owners, ["a", "b"]) == {"c1": "a", "c2": "b", "c3": "a", "c4": "b"}


def test_nobody_there_shares_nothing() -> None:
    assert share_cameras({"c1": None}, [], {}, []) == {}


def test_whoever_plans_goes_on_and_otherwise_the_first_by_name_does() -> None:
    assert choose_planner(["b", "a"], "b") == "b"
    assert choose_planner(["b", "a"], "dead") == "a"
    assert choose_planner([], "dead") is None
