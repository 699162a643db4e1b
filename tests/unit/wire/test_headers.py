from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import BadRequestError
from wire.headers import (
    ANSWER,
    DEADLINE,
    ITINERARY,
    MAX_STAGES,
    THRESHOLD,
    TOP_K,
    AnswerKind,
    Hop,
    InferOptions,
    WorkOrder,
)

tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
options = st.builds(
    InferOptions,
    deadline_ms=st.integers(1, 600_000),
    top_k=st.integers(1, 1000),
    threshold=st.none() | st.floats(0, 1),
    answer=st.sampled_from(AnswerKind),
)
orders = st.builds(
    WorkOrder,
    frame=tokens,
    digest=tokens,
    itinerary=st.lists(st.builds(Hop, tokens, st.integers(0, 99)), min_size=1, max_size=MAX_STAGES).map(tuple),
    deadline_ms=st.integers(1, 600_000),
    top_k=st.integers(1, 1000),
    threshold=st.none() | st.floats(0, 1),
)
NAMES = [DEADLINE, TOP_K, THRESHOLD, ANSWER, ITINERARY, "Bramble-Frame", "Bramble-Digest", "Other"]
garbage = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), st.text(max_size=30))


@given(options)
def test_options_come_back_as_they_were_sent(sent: InferOptions) -> None:
    assert InferOptions.from_headers(sent.to_headers()) == sent


@given(orders)
def test_a_work_order_comes_back_as_it_was_sent(sent: WorkOrder) -> None:
    assert WorkOrder.from_headers(sent.to_headers()) == sent


@given(garbage)
def test_any_headers_are_options_or_a_bad_request(headers: dict[str, str]) -> None:
    for kind in (InferOptions, WorkOrder):
        try:
            found = kind.from_headers(headers)
        except BadRequestError:
            continue
        assert isinstance(found, kind)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (DEADLINE, "0"),
        (DEADLINE, "-1"),
        (DEADLINE, "1e3"),
        (DEADLINE, "٣"),  # a digit, but not an ASCII one
        (DEADLINE, "9" * 5000),
        (TOP_K, "1001"),
        (THRESHOLD, "nan"),
        (THRESHOLD, "1.01"),
        (ANSWER, "video"),
    ],
)
def test_a_bad_value_is_refused_with_the_header_named_and_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(BadRequestError, match=name) as caught:
        InferOptions.from_headers({name: value})
    assert caught.value.remedy.startswith("give ")


def test_header_names_are_read_in_any_case() -> None:
    assert InferOptions.from_headers({"bramble-top-k": "3", "BRAMBLE-ANSWER": "Picture"}) == InferOptions(
        top_k=3, answer=AnswerKind.PICTURE
    )


def test_no_headers_are_the_defaults() -> None:
    assert InferOptions.from_headers(None) == InferOptions()


def test_an_itinerary_without_end_is_refused() -> None:
    headers = WorkOrder("f", "d", (Hop("n", 0),), 10).to_headers()
    with pytest.raises(BadRequestError, match="more than 64 stages"):
        WorkOrder.from_headers(headers | {ITINERARY: "n/0," * 10_000})
