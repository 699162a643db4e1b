from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.desks.rates import BURST_S, MAX_CLIENTS, Rates, name_client
from wire.errors import NoCapacityError

rates = st.floats(0.1, 1000)
gaps = st.lists(st.floats(0, 5), max_size=200)


def ask(limits: Rates, client: str, now: float) -> int | None:
    """Return None when admitted, else the hint."""
    try:
        limits.admit(client, now)
    except NoCapacityError as error:
        return error.retry_after_ms or 0
    return None


@given(rates, gaps)
def test_no_client_gets_more_than_its_rate_and_one_burst(rate: float, gaps: list[float]) -> None:
    limits, now, admitted = Rates(rate), 0.0, 0
    for gap in gaps:
        now += gap
        admitted += ask(limits, "_INBOX_ann.x", now) is None
        assert admitted <= max(1.0, rate * BURST_S) + rate * now + 1e-6


@given(rates, gaps)
def test_who_waits_as_told_is_admitted(rate: float, gaps: list[float]) -> None:
    limits, now = Rates(rate), 0.0
    for gap in gaps:
        now += gap
        if (hint := ask(limits, "_INBOX_ann.x", now)) is not None:
            assert hint > 0
            now += hint / 1e3
            assert ask(limits, "_INBOX_ann.x", now) is None


@given(rates, gaps)
def test_one_who_floods_costs_another_nothing(rate: float, gaps: list[float]) -> None:
    limits, now = Rates(rate), 0.0
    for gap in gaps:
        for _ in range(5):
            ask(limits, "_INBOX_mallory.x", now)
        now += gap + 1 / rate
        assert ask(limits, "_INBOX_ann.x", now) is None


@given(st.lists(st.floats(-5, 5), max_size=50).map(lambda steps: [0.0, *steps]))
def test_a_clock_that_steps_back_gives_nothing_away(steps: list[float]) -> None:
    limits, now, latest, admitted = Rates(1.0), 0.0, 0.0, 0
    for step in steps:
        now += step
        latest = max(latest, now)
        admitted += ask(limits, "_INBOX_ann.x", now) is None
        assert admitted <= BURST_S + latest + 1e-6


def test_a_rate_of_zero_limits_nobody() -> None:
    limits = Rates(0)
    assert all(ask(limits, "_INBOX_ann.x", 0.0) is None for _ in range(1000))


def test_no_more_clients_are_remembered_than_the_bound() -> None:
    limits = Rates(1.0)
    for number in range(3 * MAX_CLIENTS):
        limits.admit(f"_INBOX_{number}.x", 0.0)
    assert len(limits._buckets) == MAX_CLIENTS


@pytest.mark.parametrize(
    ("reply", "client"),
    [
        ("_INBOX_ann.abc.def", "_INBOX_ann"),
        ("_INBOX.abc.def", "_INBOX.abc"),
        ("_INBOX.abc", "_INBOX.abc"),
        ("reply", "reply"),
        ("", ""),
    ],
)
def test_a_client_is_who_the_answer_goes_to(reply: str, client: str) -> None:
    assert name_client(reply) == client
