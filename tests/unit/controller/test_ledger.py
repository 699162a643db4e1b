from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.results.ledger import End, Ledger
from wire.messages import Counts

ends = st.sampled_from(
    [
        (End.INFERRED, ""),
        (End.GATED, ""),
        (End.DROPPED, "superseded"),
        (End.DROPPED, "removed"),
        (End.FAILED, "internal"),
    ]
)
moves = st.lists(
    st.tuples(st.sampled_from(["offer", "end"]), st.integers(0, 9), st.sampled_from(["a", "b"]), ends), max_size=80
)


def total(counts: Counts) -> int:
    return counts.inferred + counts.gated + sum(counts.dropped.values()) + sum(counts.failed.values()) + counts.open


@given(moves)
def test_offered_equals_the_sum_of_all_ends_and_what_is_open_after_any_moves(
    moves: list[tuple[str, int, str, tuple[End, str]]],
) -> None:
    ledger, model = Ledger(), "m"
    open_entries: set[tuple[str, str]] = set()
    for number, (move, frame, camera, (end, reason)) in enumerate(moves):
        entry = (str(frame), camera)
        if move == "offer" and entry not in open_entries:
            ledger.offer(*entry, model)
            open_entries.add(entry)
        elif move == "end":
            assert ledger.end(*entry, model, end, reason) is (entry in open_entries), number
            open_entries.discard(entry)
        counts = ledger.counts()
        assert counts.offered == total(counts)
        assert counts.open == len(open_entries)
    assert ledger.counts().offered == ledger.counts("a").offered + ledger.counts("b").offered


def test_a_second_end_counts_nothing_and_is_noticed() -> None:
    ledger = Ledger()
    ledger.offer("f", "door", "m")
    assert ledger.end("f", "door", "m", End.INFERRED)
    assert not ledger.end("f", "door", "m", End.FAILED, "internal")
    assert ledger.counts() == Counts(offered=1, inferred=1)
    assert ledger.repeated == 1


def test_a_frame_offered_twice_is_refused() -> None:
    ledger = Ledger()
    ledger.offer("f", "door", "m")
    with pytest.raises(ValueError, match="offered to m twice"):
        ledger.offer("f", "door", "m")


@pytest.mark.parametrize(("end", "reason"), [(End.DROPPED, ""), (End.FAILED, ""), (End.INFERRED, "why")])
def test_a_drop_or_failure_needs_its_reason_and_nothing_else_has_one(end: End, reason: str) -> None:
    ledger = Ledger()
    ledger.offer("f", "door", "m")
    with pytest.raises(ValueError, match="cannot end"):
        ledger.end("f", "door", "m", end, reason)
