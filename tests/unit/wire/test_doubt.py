"""Lists of a server that has not caught up are not believed, and those that go on saying so are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wire.bus.doubt import LASTS_S, LISTS, Doubt
from wire.bus.hearing import Entry

entries = st.dictionaries(st.sampled_from("abcde"), st.builds(Entry, st.binary(max_size=2), st.integers(1, 9)))
A, B, OLDER = Entry(b"a", 5), Entry(b"b", 7), Entry(b"a", 3)


@given(entries)
def test_the_first_list_is_believed(listed: dict[str, Entry]) -> None:
    doubt = Doubt()
    assert doubt.settle(None, listed, (), 0.0) == listed
    assert doubt.since is None


@given(entries, entries)
def test_nothing_vanishes_or_goes_back_at_once_without_a_marker(
    known: dict[str, Entry], listed: dict[str, Entry]
) -> None:
    state = Doubt().settle(known, listed, (), 0.0)
    assert state.keys() == known.keys() | listed.keys()
    assert all(state[key].revision >= entry.revision for key, entry in known.items())


@given(entries, entries)
def test_what_was_removed_is_gone_at_once(known: dict[str, Entry], listed: dict[str, Entry]) -> None:
    assert Doubt().settle(known, listed, known.keys(), 0.0) == listed


def test_a_list_that_lacks_everything_is_believed_after_a_while_and_not_before() -> None:
    doubt = Doubt()
    for number in range(LISTS):
        assert doubt.settle({"a": A, "b": B}, {}, (), number * 0.1) == {"a": A, "b": B}
    assert doubt.settle({"a": A, "b": B}, {}, (), LASTS_S) == {}
    assert doubt.since is None


def test_doubt_ends_once_a_list_is_whole_again() -> None:
    doubt = Doubt()
    assert doubt.settle({"a": A, "b": B}, {"a": OLDER}, (), 0.0) == {"a": A, "b": B}
    assert doubt.since == 0.0
    assert doubt.settle({"a": A, "b": B}, {"a": A, "b": B}, (), 1.0) == {"a": A, "b": B}
    assert doubt.since is None
    assert doubt.settle({"a": A, "b": B}, {}, (), LASTS_S + 1) == {"a": A, "b": B}


def test_what_is_new_is_taken_in_while_there_is_doubt() -> None:
    assert Doubt().settle({"a": A}, {"b": B}, (), 0.0) == {"a": A, "b": B}
