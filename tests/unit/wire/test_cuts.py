from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cuts import cut_id
from wire.errors import BadRequestError

places = st.lists(st.integers(1, 10_000), min_size=1, max_size=63, unique=True).map(lambda each: tuple(sorted(each)))
digests = st.sampled_from(["0" * 64, "1" * 64])


@given(digests, places, digests, places)
def test_two_cuts_have_one_identity_only_where_they_cut_the_same_file_at_the_same_places(
    one: str, at: tuple[int, ...], other: str, elsewhere: tuple[int, ...]
) -> None:
    assert (cut_id(one, at) == cut_id(other, elsewhere)) == ((one, at) == (other, elsewhere))


@pytest.mark.parametrize("at", [(), (0,), (-1, 3), (5, 3), (4, 4)])
def test_places_that_do_not_rise_from_above_zero_are_no_cut(at: tuple[int, ...]) -> None:
    with pytest.raises(BadRequestError, match="cannot be cut at"):
        cut_id("0" * 64, at)
