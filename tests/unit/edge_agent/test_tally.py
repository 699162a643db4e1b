"""What a shard has done, folded frame by frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.tally import Tally


def test_the_first_frame_is_the_average() -> None:
    assert Tally().add_served(40.0) == Tally(ewma_ms=40.0, served=1)


def test_the_average_follows_a_node_that_slows_down() -> None:
    tally = Tally().add_served(40.0)
    for _ in range(15):
        tally = tally.add_served(120.0)
    assert tally.ewma_ms == pytest.approx(120.0, abs=5)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_average_stays_among_what_was_seen(spent: list[float]) -> None:
    tally = Tally()
    for busy_ms in spent:
        tally = tally.add_served(busy_ms)
    assert min(spent) - 1e-6 <= tally.ewma_ms <= max(spent) + 1e-6
    assert tally.served == len(spent)


def test_only_own_faults_in_a_row_count_against_a_shard() -> None:
    tally = Tally().add_failed(own_fault=True).add_failed(own_fault=False).add_failed(own_fault=True)
    assert (tally.failed, tally.faults) == (3, 2)
    assert tally.add_served(1.0).faults == 0
