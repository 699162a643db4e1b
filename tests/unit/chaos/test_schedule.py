from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import (
    BROKER,
    CUTS,
    DRILLS_LAST_S,
    FREEZES,
    LAST_S,
    MIXED,
    ONLY_TARGET,
    PAUSES_S,
    Fault,
    Kind,
    draw,
    draw_drill,
)

seeds = st.integers(0, 2**32)
lengths = st.floats(10, 600)
names = st.integers(1, 5).map(lambda number: tuple(f"n{n}" for n in range(number)))


def draw_run(seed: int, seconds: float, agents: tuple[str, ...]) -> tuple[Fault, ...]:
    return draw(seed, agents, ("c1", "c2"), seconds=seconds)


@given(seeds, lengths, names)
def test_a_seed_always_draws_the_same_faults(seed: int, seconds: float, agents: tuple[str, ...]) -> None:
    assert draw_run(seed, seconds, agents) == draw_run(seed, seconds, agents)


@given(seeds, lengths, names)
def test_the_end_of_a_run_is_left_in_peace(seed: int, seconds: float, agents: tuple[str, ...]) -> None:
    faults = draw_run(seed, seconds, agents)
    assert list(faults) == sorted(faults, key=lambda fault: fault.at)
    assert all(fault.until <= seconds - LAST_S + 0.01 for fault in faults)


@given(seeds, lengths, names)
def test_somebody_of_each_kind_is_always_awake(seed: int, seconds: float, agents: tuple[str, ...]) -> None:
    faults = draw_run(seed, seconds, agents)
    for fault in faults:
        asleep = {t for each in faults if each.at <= fault.at < each.until for t in each.targets}
        assert not asleep.issuperset(agents)
        assert not asleep.issuperset(("c1", "c2"))


@given(seeds, lengths, names)
def test_only_freezes_last_and_all_are_of_somebody_there(seed: int, seconds: float, agents: tuple[str, ...]) -> None:
    for fault in draw_run(seed, seconds, agents):
        assert (fault.lasts_s > 0) == (fault.kind in FREEZES)
        assert fault.targets
        assert set(fault.targets) <= {BROKER, "c1", "c2", *agents}


def test_a_long_run_sees_every_kind_of_fault() -> None:
    assert {fault.kind for fault in draw_run(1, 3600, ("a", "b"))} == set(MIXED)


@given(seeds, st.lists(st.sampled_from(Kind), min_size=1, unique=True))
def test_only_the_kinds_that_were_asked_for_are_drawn(seed: int, kinds: list[Kind]) -> None:
    faults = draw(seed, ("a", "b"), ("c1", "c2"), seconds=200, kinds=kinds)
    assert {fault.kind for fault in faults} <= {*kinds}


@given(seeds, st.sampled_from(Kind), st.integers(1, 60), names)
def test_a_drill_repeats_one_kind_and_lets_each_be_over_before_the_next(
    seed: int, kind: Kind, count: int, agents: tuple[str, ...]
) -> None:
    faults = draw_drill(seed, agents, ("c1", "c2"), kind=kind, count=count)
    assert faults == draw_drill(seed, agents, ("c1", "c2"), kind=kind, count=count)
    assert [fault.kind for fault in faults] == [kind] * count
    assert all(fault.lasts_s == DRILLS_LAST_S.get(kind, 0.0) for fault in faults)
    assert all(two.at >= one.until + PAUSES_S[kind][0] - 0.01 for one, two in pairwise(faults))
    assert all((fault.lasts_s > 0) == (fault.kind in (*FREEZES, *CUTS)) for fault in faults)
    assert {t for fault in faults for t in fault.targets} <= {
        BROKER,
        "c1",
        "c2",
        *agents,
        *ONLY_TARGET.values(),
    }


def test_the_nodes_of_a_drill_take_turns() -> None:
    agents = tuple(f"n{n}" for n in range(12))
    faults = draw_drill(1, agents, ("c1",), kind=Kind.KILL_AGENT, count=48)
    hits = [fault.targets[0] for fault in faults]
    assert all(sorted(hits[n : n + 12]) == sorted(agents) for n in range(0, 48, 12))
    assert all(one != two for one, two in pairwise(hits))
