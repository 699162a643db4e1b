from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.jobs.verdict import LAST_PAUSE_S, MAX_TRIES, Verdict, judge, pause_s
from wire.errors import BrambleError, ErrorBody, ErrorCode, error_from_body


def error(code: ErrorCode) -> BrambleError:
    return error_from_body(ErrorBody(code=code, message="as told"))


@pytest.mark.parametrize("code", ["bad_image", "too_large", "bad_request", "invalid_tensor"])
@given(tries=st.integers(1, 100))
def test_a_picture_at_fault_is_refused_at_once(code: str, tries: int) -> None:
    assert judge(error(ErrorCode(code)), tries) is Verdict.REFUSE


@given(tries=st.integers(1, 100))
def test_a_want_of_nodes_never_ends_a_job(tries: int) -> None:
    assert judge(error(ErrorCode.NO_CAPACITY), tries) is Verdict.WAIT


@given(code=st.sampled_from(ErrorCode), tries=st.integers(MAX_TRIES, 1000))
def test_no_job_is_tried_without_end(code: ErrorCode, tries: int) -> None:
    assert judge(error(code), tries) is not Verdict.RETRY


@given(st.integers(1, 10_000))
def test_pauses_grow_up_to_a_bound(failures: int) -> None:
    assert 0 < pause_s(failures) <= pause_s(failures + 1) <= LAST_PAUSE_S
