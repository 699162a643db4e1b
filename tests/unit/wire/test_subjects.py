from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import subjects
from wire.errors import BadRequestError
from wire.ids import check_token, new_frame_id, read_frame_time
from wire.subjects import TABLE, Subject

tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@pytest.mark.parametrize("subject", TABLE, ids=lambda s: s.pattern)
@given(data=st.data())
def test_a_built_subject_reads_back_as_its_tokens(subject: Subject, data: st.DataObject) -> None:
    chosen = {name: data.draw(tokens) for name in subject.fields}
    assert subject.parse(subject.build(**chosen)) == chosen


@given(st.text())
def test_any_text_is_a_token_or_a_bad_request(text: str) -> None:
    try:
        check_token(text, "name")
    except BadRequestError as error:
        remedy = error.remedy
        assert remedy
    else:
        assert subjects.HEARTBEAT.parse(f"node.{text}.heartbeat") == {"node": text}


@pytest.mark.parametrize("bad", ["", "a.b", "a b", "*", ">", "a\n", "ü", "x" * 65, "a\r\nPUB x 1"])
def test_nothing_that_could_change_a_subject_gets_into_one(bad: str) -> None:
    with pytest.raises(BadRequestError):
        subjects.INFER.build(model=bad)


def test_a_missing_or_unknown_field_is_a_programming_error() -> None:
    with pytest.raises(TypeError):
        subjects.WORK.build(node="a", model="b")
    with pytest.raises(TypeError):
        subjects.INFER.wildcard(node="a")


def test_no_two_families_can_match_the_same_subject() -> None:
    examples = {subject.pattern: subject.build(**dict.fromkeys(subject.fields, "x")) for subject in TABLE}
    for subject in TABLE:
        assert [p for p, example in examples.items() if subject.parse(example) is not None] == [subject.pattern]


def test_wildcards_fill_what_is_not_given() -> None:
    assert subjects.WORK.wildcard(node="pi1") == "infer.pi1.*.*"


def test_frame_ids_are_unique_tokens() -> None:
    ids = [new_frame_id() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    assert all(check_token(each, "frame id") for each in ids)


def test_a_frame_id_tells_when_the_frame_came() -> None:
    assert read_frame_time("199e9ffd000" + "0" * 10) == int("199e9ffd000", 16) / 1000
    assert read_frame_time(new_frame_id()) is not None


@pytest.mark.parametrize("frame", ["", "x" * 21, "0" * 20, "0" * 22, "../etc"])
def test_what_is_no_frame_id_tells_nothing(frame: str) -> None:
    assert read_frame_time(frame) is None
