"""The traceparent header: W3C's own rules, and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.headers import Hop, WorkOrder
from wire.trace import TraceContext, derive_id, find_traceparent, is_sampled, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEX = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: set(text) != {"0"})


def test_the_specifications_example_is_read() -> None:
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-01") == TraceContext(TRACE, SPAN, sampled=True)
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, sampled=False)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE[:-1]}-{SPAN}-01",
    ],
)
def test_what_the_specification_forbids_is_no_context(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_later_version_may_say_more() -> None:
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-01-more") == TraceContext(TRACE, SPAN, sampled=True)


@given(st.text(max_size=80))
def test_any_text_is_a_context_or_none(text: str) -> None:
    found = parse_traceparent(text)

    assert found is None or parse_traceparent(found.to_header()) == found


@given(HEX, st.booleans())
def test_a_context_survives_its_header(trace_id: str, sampled: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    context = TraceContext(trace_id, SPAN, sampled)

    assert parse_traceparent(context.to_header()) == context


def test_the_headers_name_is_found_in_any_case() -> None:
    assert find_traceparent({"TraceParent": "x", "other": "y"}) == "x"
    assert find_traceparent({}) is None


@given(HEX, st.floats(0, 1), st.floats(0, 1))
def test_what_is_sampled_at_a_low_share_is_sampled_at_a_higher_one(trace_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert is_sampled(trace_id, high) or not is_sampled(trace_id, low)
    assert is_sampled(trace_id, 1.0)
    assert not is_sampled(trace_id, 0.0)


def test_about_the_share_asked_for_is_sampled() -> None:
    kept = sum(is_sampled(derive_id(f"frame-{number}", 32), 0.25) for number in range(4000))

    assert 900 < kept < 1100


def test_a_work_order_carries_its_trace_and_drops_what_is_none() -> None:
    order = WorkOrder(
        frame="f", digest="0" * 64, itinerary=(Hop("pi", 0),), deadline_ms=10, traceparent=f"00-{TRACE}-{SPAN}-01"
    )  # fmt: skip

    assert WorkOrder.from_headers(order.to_headers()) == order
    assert WorkOrder.from_headers({**order.to_headers(), "traceparent": "nonsense"}).traceparent is None
