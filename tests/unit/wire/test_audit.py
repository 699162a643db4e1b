"""The chain of the audit record: nothing can be changed, removed or put in without a trace."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.audit import GENESIS, Break, Deed, Entry, Head, Outcome, check_record, digest_entry
from wire.errors import BadRequestError
from wire.messages import encode

Record = list[tuple[int, bytes]]


def write(*actions: str) -> Record:
    record: Record = []
    previous = GENESIS
    for sequence, action in enumerate(actions, 1):
        deed = Deed(who="ann", action=action, target="door")
        stored = encode(Entry(at=float(sequence), recorder="c1", deed=deed, previous=previous))
        record.append((sequence, stored))
        previous = digest_entry(stored)
    return record


records = st.lists(st.sampled_from(["camera.add", "camera.remove", "model.add"]), min_size=1, max_size=12).map(
    lambda actions: write(*actions)
)


@given(records)
def test_a_record_as_it_was_written_holds(record: Record) -> None:
    head, breaks = check_record(record)
    assert not breaks
    assert head == Head(len(record), digest_entry(record[-1][1]))
    assert check_record(record, head) == (head, [])


@given(records, st.data())
def test_any_changed_byte_but_in_the_last_entry_breaks_the_chain(record: Record, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(record) - 1))
    sequence, stored = record[at]
    place = data.draw(st.integers(0, len(stored) - 1))
    changed = bytearray(stored)
    changed[place] ^= data.draw(st.integers(1, 255))
    head, _ = check_record(record)
    record[at] = (sequence, bytes(changed))
    assert check_record(record, head)[1]


@given(records, st.data())
def test_any_removed_entry_is_missed_the_last_ones_by_a_head_that_was_written_down(
    record: Record, data: st.DataObject
) -> None:
    head, _ = check_record(record)
    del record[data.draw(st.integers(0, len(record) - 1))]
    assert check_record(record, head)[1]


def test_a_record_that_was_numbered_anew_after_a_removal_does_not_hold() -> None:
    record = write("camera.add", "camera.remove", "model.add")
    kept = [record[0], record[2]]
    renumbered = [(number, stored) for number, (_, stored) in enumerate(kept, 1)]
    assert check_record(renumbered)[1] == [Break(2, "the entry before it is not the one it was written after")]


def test_an_end_that_was_cut_off_is_told_as_such() -> None:
    record = write("camera.add", "camera.remove")
    head, _ = check_record(record)
    assert check_record(record[:1], head)[1] == [Break(2, "the record ends at 1: its end was cut off")]


def test_a_record_written_anew_in_full_is_caught_by_an_old_head() -> None:
    head, _ = check_record(write("camera.add", "camera.remove"))
    assert check_record(write("model.add", "model.add", "model.add"), head)[1] == [
        Break(2, "the entry is not the one that was written down")
    ]


@given(st.binary(max_size=80))
def test_what_is_no_entry_is_a_break_and_no_crash(data: bytes) -> None:
    assert check_record([(1, data)])[1]


@given(records)
def test_a_head_survives_being_written_down(record: Record) -> None:
    head, _ = check_record(record)
    assert Head.parse(str(head)) == head


@pytest.mark.parametrize("text", ["", "7", "x:" + "0" * 64, "-1:" + "0" * 64, "7:beef"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="no head"):
        Head.parse(text)


def test_a_refusal_is_told_apart() -> None:
    deed = Deed(who="127.0.0.1", action="access.connect", outcome=Outcome.REFUSED)
    assert b'"outcome":"refused"' in encode(deed)


def test_what_a_witness_told_late_says_who_told_it_and_when_it_was() -> None:
    refused = Deed(who="eve", action="access.publish", outcome=Outcome.REFUSED, detail="from 10.0.0.7:1")
    seen = msgspec.structs.replace(refused, witness="witness-2", seen_at=100.0)
    own = Deed(who="ann", action="camera.add", target="door")

    assert Entry(at=160.0, recorder="c", deed=seen, previous=GENESIS).happened_at == 100.0
    assert seen.words == "refused: from 10.0.0.7:1, told by witness-2"
    assert Entry(at=160.0, recorder="c", deed=own, previous=GENESIS).happened_at == 160.0
    assert own.words == ""
