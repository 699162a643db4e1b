"""Sessions over random schedules of crashes, freezes, cuts and pauses: never two holders, and never long none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.leases import tenure
from tests.testing.lease_world import Actor, LeaseWorld

FAULTS = st.tuples(
    st.floats(2, 60),
    st.sampled_from(["freeze", "crash", "cut from the store", "cut from the peers", "cut off", "pause"]),
    st.integers(0, 2),
    st.floats(0.1, 25),
)


def nobody_acts_on_an_ended_session(world: LeaseWorld) -> None:
    for session in world.store.ended:
        actor = world.actor_of(session)
        if actor.session.session == session and not actor.crashed:
            assert not actor.session.valid(actor.clock(world.now)), f"{session} at {world.now}"


def inflict(world: LeaseWorld, kind: str, who: int, seconds: float) -> None:
    actor = world.actors[who % len(world.actors)]
    until = world.now + seconds
    match kind:
        case "freeze":
            actor.frozen_until = until
        case "crash":
            actor.crashed = True
        case "cut from the store":
            actor.cut_from_store_until = until
        case "cut from the peers":
            actor.cut_from_peers_until = until
        case "cut off":
            actor.cut_from_store_until = actor.cut_from_peers_until = until
        case "pause":
            world.store.paused_until = until


@settings(max_examples=100)
@given(
    controllers=st.integers(2, 3),
    seed=st.integers(0, 2**32),
    delay_s=st.sampled_from([0.005, 0.1, 0.6]),
    loss=st.sampled_from([0.0, 0.1, 0.5]),
    faults=st.lists(FAULTS, max_size=6),
)
def test_no_session_is_over_before_its_holder_has_stopped(
    controllers: int, seed: int, delay_s: float, loss: float, faults: list[tuple[float, str, int, float]]
) -> None:
    world = LeaseWorld(controllers, seed, nobody_acts_on_an_ended_session)
    world.delay_s, world.loss = delay_s, loss
    for when, kind, who, seconds in faults:
        world.at(when, lambda kind=kind, who=who, seconds=seconds: inflict(world, kind, who, seconds))
    world.run(80)


@pytest.mark.parametrize(("name", "value"), [("DRIFT", -0.2), ("SHORT_S", 0.0)])
def test_the_schedules_do_find_a_holder_that_stops_too_late(
    monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    ends = tenure.Sighting.may_end

    def hasty(sighting: tenure.Sighting, by: str, now: float) -> bool:
        return ends(sighting, by, now + 0.5 * tenure.LONG_S) if name == "SHORT_S" else ends(sighting, by, now)

    if name == "DRIFT":
        monkeypatch.setattr(tenure, name, value)
    monkeypatch.setattr(tenure.Sighting, "may_end", hasty)
    with pytest.raises(AssertionError, match=" at "):
        run_hard_schedules(100)


def run_hard_schedules(number: int) -> None:
    for seed in range(number):
        world = LeaseWorld(2, seed, nobody_acts_on_an_ended_session)
        for when, kind in ((5.0, "cut off"), (30.0, "freeze"), (50.0, "pause")):
            world.at(when, lambda world=world, kind=kind, seed=seed: inflict(world, kind, seed, 12.0))
        world.run(70)


@given(seed=st.integers(0, 2**32), controllers=st.integers(1, 4))
@settings(max_examples=40)
def test_nothing_is_lost_while_nothing_fails(seed: int, controllers: int) -> None:
    world = LeaseWorld(controllers, seed, lambda _world: None)
    world.run(3)
    world._check = everyone_acts
    world.run(60)
    assert world.store.ended == {}


def everyone_acts(world: LeaseWorld) -> None:
    for actor in world.actors:
        acts(world, actor)


def acts(world: LeaseWorld, actor: Actor) -> None:
    assert actor.session.valid(actor.clock(world.now)), f"{actor.name} at {world.now}"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_controller_that_dies_is_ended_by_the_other_in_less_than_three_seconds(seed: int) -> None:
    world = LeaseWorld(2, seed, nobody_acts_on_an_ended_session)
    world.run(10)
    world.actors[0].crashed = True
    world.run(13)
    assert list(world.store.ended) == ["c0-1"]


@given(seed=st.integers(0, 2**32), delay_s=st.sampled_from([0.02, 0.1]))
@settings(max_examples=40)
def test_who_outlives_another_acts_all_the_while(seed: int, delay_s: float) -> None:
    world = LeaseWorld(2, seed, lambda _world: None)
    world.delay_s = delay_s
    world.run(10)
    world.actors[0].crashed = True
    survivor = world.actors[1]
    world._check = lambda world: acts(world, survivor)
    world.run(20)
    assert list(world.store.ended) == ["c0-1"]


@given(seed=st.integers(0, 2**32), controllers=st.integers(1, 4))
@settings(max_examples=20)
def test_a_lease_is_written_hardly_oftener_than_once_a_second_while_all_is_well(seed: int, controllers: int) -> None:
    world = LeaseWorld(controllers, seed, lambda _world: None)
    world.run(10)
    before = world.store.revision
    world.run(70)
    assert world.store.revision - before <= 1.1 * 60 * controllers


@given(seed=st.integers(0, 2**32), controllers=st.integers(1, 4))
@settings(max_examples=40)
def test_everyone_goes_on_while_jetstream_looks_for_a_leader(seed: int, controllers: int) -> None:
    world = LeaseWorld(controllers, seed, everyone_acts_from(5))
    world.at(10, lambda: inflict(world, "pause", 0, 8.0))
    world.run(40)
    assert world.store.ended == {}


def everyone_acts_from(start: float) -> Callable[[LeaseWorld], None]:
    return lambda world: everyone_acts(world) if world.now >= start else None


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_frozen_controller_is_ended_and_begins_anew_after_the_thaw(seed: int) -> None:
    world = LeaseWorld(2, seed, nobody_acts_on_an_ended_session)
    world.at(10, lambda: inflict(world, "freeze", 0, 10.0))
    world.run(30)
    assert list(world.store.ended) == ["c0-1"]
    actor = world.actors[0]
    assert actor.session.session == "c0-2"
    assert actor.session.valid(actor.clock(world.now))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_controller_alone_outlives_ten_seconds_without_a_broker_but_not_twenty(seed: int) -> None:
    world = LeaseWorld(1, seed, lambda _world: None)
    world.run(5)
    inflict(world, "cut off", 0, 30.0)
    actor = world.actors[0]
    world.run(15)
    assert actor.session.valid(actor.clock(world.now))
    world.run(25)
    assert not actor.session.valid(actor.clock(world.now))
    world.run(40)
    assert actor.session.valid(actor.clock(world.now))
    assert actor.sessions == 1
