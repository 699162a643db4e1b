from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wire.cuts import CUT_PATTERN
from wire.errors import BadRequestError
from wire.headers import (
    ANSWER,
    CUT,
    DEADLINE,
    ITINERARY,
    MAX_STAGES,
    PICTURE,
    SENT,
    STAGES,
    THRESHOLD,
    TOP_K,
    WIRE,
    AnswerKind,
    Hop,
    InferOptions,
    WorkOrder,
)
from wire.messages import StageTimings
from wire.precision import Precision

tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
options = st.builds(
    InferOptions,
    deadline_ms=st.integers(1, 600_000),
    top_k=st.integers(1, 1000),
    threshold=st.none() | st.floats(0, 1),
    answer=st.sampled_from(AnswerKind),
    cached=st.booleans(),
)
times = st.floats(0, 1e7)
wholes = st.builds(
    WorkOrder,
    frame=tokens,
    digest=tokens,
    itinerary=st.lists(st.builds(Hop, tokens, st.integers(0, 99)), min_size=1, max_size=MAX_STAGES).map(tuple),
    deadline_ms=st.integers(1, 600_000),
    top_k=st.integers(1, 1000),
    threshold=st.none() | st.floats(0, 1),
)


@st.composite
def staged(draw: st.DrawFn) -> WorkOrder:
    """An order on its way along a cut, after any number of stages."""
    order = draw(wholes)
    hops = tuple(replace(hop, wire=draw(st.sampled_from(Precision))) for hop in order.itinerary)
    passed = hops[: draw(st.integers(0, len(hops)))]
    return replace(
        order,
        itinerary=hops,
        cut=draw(st.from_regex(CUT_PATTERN)),
        picture=draw(st.none() | st.tuples(st.integers(1, 1 << 16), st.integers(1, 1 << 16))),
        done=tuple(
            StageTimings(node=hop.node, network_ms=draw(st.floats(-1e6, 1e6)), infer_ms=draw(times)) for hop in passed
        ),
        sent_at=draw(st.none() | st.integers(0, 10**16).map(lambda each: each / 1e6)),
    )


orders = wholes | staged()
NAMES = [DEADLINE, TOP_K, THRESHOLD, ANSWER, ITINERARY, CUT, WIRE, PICTURE, STAGES, SENT, "Bramble-Frame", "Other"]
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
        ("Bramble-Cache", "maybe"),
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


STAGED = WorkOrder("f", "d", (Hop("a", 0), Hop("b", 1)), 10, cut="0" * 16).to_headers()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (CUT, "0" * 15),
        (CUT, "g" * 16),
        (WIRE, "exact"),
        (WIRE, "exact,f32"),
        (WIRE, "exact," * 10_000),
        (PICTURE, "640"),
        (PICTURE, "0x480"),
        (PICTURE, "640x99999"),
        (PICTURE, "9" * 5000 + "x1"),
        (STAGES, "{}"),
        (STAGES, '[{"node":"b"}]'),
        (STAGES, '[{"node":"a"},{"node":"b"},{"node":"a"}]'),
        (STAGES, '[{"node":"a","infer_ms":-1}]'),
        (STAGES, '[{"node":"a","infer_ms":1e999}]'),
        (STAGES, "[" * 100_000),
        (SENT, "soon"),
        (SENT, "nan"),
        (SENT, "inf"),
        (SENT, "-1"),
    ],
)
def test_hostile_headers_of_a_stage_are_refused_with_the_header_named(name: str, value: str) -> None:
    assert WorkOrder.from_headers(STAGED).cut == "0" * 16
    with pytest.raises(BadRequestError, match=name):
        WorkOrder.from_headers(STAGED | {name: value})


def test_the_headers_of_the_longest_itinerary_stay_below_what_is_read() -> None:
    hops = tuple(Hop("n" * 64, stage, Precision.EXACT) for stage in range(MAX_STAGES))
    spent = dict.fromkeys(("queue_ms", "decode_ms", "preprocess_ms", "infer_ms", "postprocess_ms"), 123456.123)
    done = tuple(StageTimings(node=hop.node, network_ms=-1234.567, sent_bytes=1 << 23, **spent) for hop in hops)
    order = WorkOrder("f", "d", hops, 10, cut="0" * 16, done=done)
    assert WorkOrder.from_headers(order.to_headers()) == order


def test_a_whole_model_travels_with_the_five_headers_that_it_needs() -> None:
    headers = WorkOrder("f", "d", (Hop("n", 0),), 10).to_headers()
    assert len(headers) == 5
