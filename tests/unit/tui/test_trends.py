from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui_testing.boards import AT, make_node, make_status
from tui.bars import EIGHTHS, draw_bars
from tui.trends import LOOK_BACK, SERIES, Point, measure, summarise, values_of
from wire.status import ClusterStatus

VALUES = st.lists(st.floats(0, 1e6), max_size=400)


def points_of(*statuses: ClusterStatus) -> list[Point]:
    points: list[Point] = []
    for status in statuses:
        points.append(measure(points, status))
    return points


def test_rates_are_taken_between_two_statuses() -> None:
    before = make_status([make_node()], inferred=100, dropped=4)
    after = make_status([make_node()], inferred=130, dropped=10, at=AT + 2)
    point = points_of(before, after)[-1]
    assert (point.inferred, point.lost, point.p99_ms, point.in_flight) == (15.0, 3.0, 74.0, 1)
    assert point.load == pytest.approx(1.1 / 4)


@pytest.mark.parametrize(
    "after",
    [
        make_status([make_node()], inferred=3, at=AT + 1),
        make_status([make_node()], inferred=200, at=AT),
        make_status([make_node()], inferred=200, at=AT + 1, controller="other"),
    ],
    ids=["restarted", "the same moment", "another controller"],
)
def test_there_is_no_rate_where_two_statuses_do_not_belong_together(after: ClusterStatus) -> None:
    assert points_of(make_status(inferred=100), after)[-1].inferred is None


@given(st.lists(st.sampled_from(["c1", "c2", "c3"]), min_size=2, max_size=40), st.integers(0, 20))
def test_controllers_that_take_turns_each_go_on_from_their_own_last_answer(turns: list[str], behind: int) -> None:
    """What one knows lags behind what the others know; taken across, rates would jump and be negative."""
    lag = {"c1": 0, "c2": behind, "c3": 2 * behind}
    points = points_of(
        *(
            make_status(inferred=1000 + 10 * second - lag[name], at=AT + second, controller=name)
            for second, name in enumerate(turns)
        )
    )
    rates = [point.inferred for point in points if point.inferred is not None]
    assert rates == pytest.approx([10.0] * len(rates))
    repeated = sum(name in turns[max(0, at - LOOK_BACK) : at] for at, name in enumerate(turns))
    assert len(rates) == repeated


def test_dead_nodes_have_no_load() -> None:
    assert points_of(make_status([make_node(liveness="dead", load=9.0)]))[0].load == 0.0


def test_a_gap_in_a_series_stays_a_gap() -> None:
    points = points_of(*(make_status([make_node()], inferred=10 * n, at=AT + n) for n in range(4)))
    assert values_of(SERIES[0], points) == (None, 10.0, 10.0, 10.0)
    assert draw_bars(values_of(SERIES[0], points), 60, 1) == ("███".rjust(60),)


def test_a_summary_tells_the_last_value_and_the_range() -> None:
    assert summarise([1.0, 5.0, 2.0], "ms") == "2 ms, 1 to 5"
    assert summarise([None, 1234.5, None], "ms") == "1234 ms, 1234 to 1234"
    assert summarise([0.5], "") == "0.5, 0.5 to 0.5"
    assert summarise([None], "ms") == summarise([], "ms") == "-"


@given(VALUES, st.integers(1, 200), st.integers(1, 6))
def test_bars_fill_their_field_exactly(values: list[float], width: int, height: int) -> None:
    lines = draw_bars(values, width, height)
    assert [len(line) for line in lines] == [width] * height
    assert set("".join(lines)) <= set(EIGHTHS)


@given(VALUES.filter(lambda values: max(values, default=0) > 0), st.integers(1, 100))
def test_the_highest_value_fills_the_height_even_when_columns_are_shared(values: list[float], width: int) -> None:
    assert "█" in draw_bars(values, width, 2)[0]


@given(st.lists(st.floats(0, 1e6), min_size=300, max_size=400), st.integers(5, 100), st.integers(0, 10_000))
def test_bars_stay_as_they_are_while_they_move_to_the_left(values: list[float], width: int, first: int) -> None:
    """Of full columns; the newest may still grow. The highest is kept in sight, for all are drawn by it."""
    values = [1e6 if number % 5 == 0 else value for number, value in enumerate(values)]
    (before,) = draw_bars(values, width, 1, newest=first + len(values) - 1)
    (after,) = draw_bars([*values[1:], 0.0], width, 1, newest=first + len(values))
    steady = before.strip()[1:-1]  # the oldest may have lost a value
    assert steady in after


def test_the_width_stands_for_more_time_the_longer_it_is() -> None:
    assert [len(draw_bars([1.0] * count, 30, 1)[0].strip()) for count in (4, 60, 61, 150, 600)] == [2, 30, 13, 30, 30]


def test_what_is_not_zero_can_be_seen_and_zero_cannot() -> None:
    assert draw_bars([0.0, 0.001, 100.0], 60, 1) == ("▁█".rjust(60),)


def test_the_newest_value_stands_at_the_right() -> None:
    assert draw_bars([1.0], 4, 1) == ("   █",)
