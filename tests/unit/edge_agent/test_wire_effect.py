"""What is asked of a node about a precision, and on which views of the known picture it is tried."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire_effect import list_views, measure
from wire.effects import EffectRequest
from wire.errors import BadRequestError
from wire.messages import decode, encode
from wire.precision import Precision

REQUEST = EffectRequest(model="net", variant="cpu-f32", digest="a" * 64, at=(3, 5), wires=(Precision.F16,) * 2)


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_all_views_lie_within_the_picture_and_the_corners_are_seen(width: int, height: int) -> None:
    whole, *views = list_views(width, height)
    assert whole is None
    regions = [view for view in views if view is not None]
    assert len(regions) == len(views) == 5
    assert all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in regions)
    assert min(region[:2] for region in regions) == (0, 0)
    assert max(region[2:] for region in regions) == (width, height)


def test_a_request_names_a_precision_for_each_cut() -> None:
    assert decode(encode(REQUEST), EffectRequest) == REQUEST
    one_less = msgspec.json.encode({**msgspec.to_builtins(REQUEST), "wires": ["f16"]})
    with pytest.raises(BadRequestError, match="1 precisions for 2 cuts"):
        decode(one_less, EffectRequest)


@pytest.mark.parametrize("question", [b"", b"{}", b"\xff\xfe", b'{"backend": 3}'])
def test_a_question_that_cannot_be_read_is_a_problem_and_no_crash(question: bytes) -> None:
    assert "cannot be measured" in measure(question).problem
