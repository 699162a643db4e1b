"""Times that hold on a machine that does other things too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.echo import read_wanted
from edge_agent.stopwatch import Timing, find_slowdown, time_runs, undisturbed_s
from wire.errors import BadRequestError
from wire.profiles import MAX_PROBE_BYTES


def test_a_node_with_a_third_of_a_processor_takes_three_times_as_long() -> None:
    timings = [Timing(10, 3.0, 0.1, 0.1), Timing(10, 6.0, 0.2, 0.2)]
    assert find_slowdown(timings, threads=1) == pytest.approx(3)


def test_several_threads_are_timed_by_the_clock_on_the_wall() -> None:
    timing = Timing(10, 1.0, least_s=0.1, least_cpu_s=0.35)
    assert undisturbed_s(timing, threads=4) == 0.1
    assert find_slowdown([timing], threads=4) == pytest.approx(1)


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 10), st.floats(0, 1), st.floats(0, 1)), max_size=5))
def test_nothing_runs_faster_than_undisturbed(rows: list[tuple[int, float, float, float]]) -> None:
    assert find_slowdown([Timing(*row) for row in rows], threads=1) >= 1


def test_short_things_are_run_often_and_long_ones_at_least_five_times() -> None:
    assert time_runs(lambda: None, 0.01).runs == 50
    calls: list[int] = []
    assert time_runs(lambda: calls.append(1), 0.0).runs == 5
    assert len(calls) == 7  # two that do not count


@pytest.mark.parametrize("text", ["-1", "1e3", "", "٣", str(MAX_PROBE_BYTES + 1), "9" * 5000])
def test_a_probe_that_asks_for_no_number_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        read_wanted(text)


def test_a_probe_may_ask_for_up_to_a_mebibyte() -> None:
    assert (read_wanted("0"), read_wanted(str(MAX_PROBE_BYTES))) == (0, MAX_PROBE_BYTES)
