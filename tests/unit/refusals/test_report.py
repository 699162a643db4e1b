"""What a witness may tell, and what nobody would believe it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.audit import Deed, Outcome
from wire.errors import BadRequestError
from wire.messages import decode, encode
from wire.refusals.report import MOST, Report, Told, check_report

RUN = "0123456789abcdef"
REFUSED = Deed(who="eve", action="access.publish", target="x", outcome=Outcome.REFUSED)


def test_refusals_read_back_as_they_were_told() -> None:
    report = Report(run=RUN, told=(Told(number=1, deed=REFUSED),), counts={"access.publish": 7})

    assert check_report(decode(encode(report), Report)) == report


@pytest.mark.parametrize(
    "deed",
    [
        Deed(who="ann", action="camera.remove", target="door", outcome=Outcome.REFUSED),
        Deed(who="ann", action="access.connect"),
        Deed(who="ann", action="access.control", outcome=Outcome.REFUSED),
        Deed(who="ann", action="access.connect", outcome=Outcome.REFUSED, witness="witness-other"),
    ],
)
def test_a_witness_is_not_believed_what_is_not_for_it_to_see(deed: Deed) -> None:
    with pytest.raises(BadRequestError, match="is not for a witness to tell"):
        check_report(Report(run=RUN, told=(Told(number=1, deed=deed),)))


def test_kinds_that_are_none_are_refused() -> None:
    with pytest.raises(BadRequestError, match=r"'camera\.add' is no kind of refusal"):
        check_report(Report(run=RUN, counts={"camera.add": 1}))


@pytest.mark.parametrize(
    "wrong",
    [
        b'{"run": "short"}',
        b'{"run": "0123456789abcdef", "told": [{"number": 0, "deed": {"who": "a", "action": "access.connect"}}]}',
        b'{"run": "0123456789abcdef", "counts": {"access.connect": -1}}',
        encode(Report(run=RUN, told=tuple(Told(number=1 + each, deed=REFUSED) for each in range(MOST + 1)))),
    ],
)
def test_what_is_malformed_or_too_much_is_refused(wrong: bytes) -> None:
    with pytest.raises(BadRequestError, match="not a valid Report"):
        decode(wrong, Report)


@given(st.binary())
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        check_report(decode(data, Report))
