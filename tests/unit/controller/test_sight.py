from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.sight import carry_on, merge
from wire.sight import Sight, SightBook

T0 = 1_700_000_000.0


def test_a_camera_that_nobody_has_ever_watched_starts_at_nothing() -> None:
    assert carry_on(None, T0) == 0.0


def test_the_time_without_an_owner_counts() -> None:
    assert carry_on(Sight(seconds_blind=3.0, as_of=T0, watching=True), T0 + 40) == 43.0


def test_the_time_after_a_camera_was_removed_does_not_count() -> None:
    assert carry_on(Sight(seconds_blind=3.0, as_of=T0, watching=False), T0 + 40) == 3.0


def test_a_clock_that_went_back_counts_nothing() -> None:
    assert carry_on(Sight(seconds_blind=3.0, as_of=T0, watching=True), T0 - 3600) == 3.0


def test_a_clock_that_had_not_been_set_counts_nothing() -> None:
    assert carry_on(Sight(seconds_blind=3.0, as_of=12.0, watching=True), T0) == 3.0


@given(account=st.builds(Sight, seconds_blind=st.floats(0, 1e6), as_of=st.just(T0)), passed=st.floats(-4000, 4000))
def test_seconds_blind_never_shrink(account: Sight, passed: float) -> None:
    assert carry_on(account, T0 + passed) >= account.seconds_blind


def test_of_several_books_the_latest_account_counts() -> None:
    old, new = (Sight(seconds_blind=each, as_of=T0 + each, watching=True) for each in (1.0, 2.0))
    assert merge({"a": SightBook(cameras={"door": new}), "b": SightBook(cameras={"door": old, "yard": old})}) == {
        "door": new,
        "yard": old,
    }
