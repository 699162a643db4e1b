"""What fits where: tabs in a line, facts side by side, shares as bars."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.bars import draw_share
from tui.facts import Fact, pair_facts
from tui.hints import Hint, find_hint, lay_hints
from tui.jump import VIEWS
from tui.tabs import find_tab, lay_tabs


@given(st.integers(80, 300), st.sampled_from(VIEWS))
def test_from_80_columns_on_every_tab_has_its_whole_name(width: int, current: str) -> None:
    tabs = lay_tabs(VIEWS, current, width)
    assert [tab.text for tab in tabs] == list(VIEWS)
    assert tabs[-1].end <= width


@given(st.integers(1, 79), st.sampled_from(VIEWS))
def test_below_that_the_current_tab_keeps_its_name(width: int, current: str) -> None:
    tabs = lay_tabs(VIEWS, current, width)
    assert [tab.text for tab in tabs if tab.name == current] == [current]


@given(st.sampled_from(VIEWS))
def test_sixty_columns_hold_all_tabs_with_three_letters_of_each_name(current: str) -> None:
    tabs = lay_tabs(VIEWS, current, 60)
    assert tabs[-1].end < 60
    assert all(len(tab.text) >= min(3, len(tab.name)) for tab in tabs)


@given(st.integers(20, 200), st.sampled_from(VIEWS))
def test_tabs_do_not_overlap_and_each_is_found_where_it_stands(width: int, current: str) -> None:
    tabs = lay_tabs(VIEWS, current, width)
    assert all(one.end < other.start for one, other in itertools.pairwise(tabs))
    assert [find_tab(tabs, tab.start) for tab in tabs] == list(tabs)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=60))), st.integers(0, 200))
def test_facts_stay_in_order_and_none_is_lost(facts: list[Fact], width: int) -> None:
    assert [fact for line in pair_facts(tuple(facts), width) for fact in line] == facts


def test_short_facts_share_a_line_and_long_ones_do_not() -> None:
    short, long = ("Up", "2h00m"), ("State", "x" * 60)
    assert pair_facts((long, short, short), 80) == ((long,), (short, short))
    assert pair_facts((short, short), 30) == ((short,), (short,))


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_share_is_exactly_as_wide_as_its_bar(share: float, width: int) -> None:
    assert len(draw_share(share, width)) == width


@pytest.mark.parametrize(("share", "bar"), [(0.0, "····"), (0.5, "██··"), (1.0, "████"), (0.03125, "▏···")])
def test_a_share_is_drawn_to_an_eighth_of_a_column(share: float, bar: str) -> None:
    assert draw_share(share, 4) == bar


HINTS = st.lists(
    st.builds(Hint, key=st.text("abc", min_size=1), shown=st.text("xy", min_size=1), text=st.text("z ", max_size=9)),
    unique=True,
    max_size=12,
)
HELP = Hint("question_mark", "?", "Help", stays=True)


@given(HINTS, st.integers(0, 12), st.integers(8, 200))
def test_hints_stand_in_their_order_and_within_the_line_and_the_help_always_does(
    others: list[Hint], at: int, width: int
) -> None:
    hints = [*others[:at], HELP, *others[at:]]
    places = lay_hints(hints, width)
    shown = [place.hint for place in places]
    assert HELP in shown
    assert shown == [hint for hint in hints if hint in shown]
    assert places[-1].end <= width
    assert all(one.end < other.start for one, other in itertools.pairwise(places))
    assert [find_hint(places, place.start) for place in places] == shown


@given(HINTS)
def test_no_hint_is_left_out_where_there_is_room(hints: list[Hint]) -> None:
    assert [place.hint for place in lay_hints(hints, 400)] == hints
