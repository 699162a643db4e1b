"""A short campaign against every parser of bytes from outside, always the same; ``make fuzz`` runs longer ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.bad_parsers import CRASHES, HANGS, RAISES, REFUSES
from tests.fuzz.campaign import attack
from tests.fuzz.mutation import MAX_BYTES, make_input
from tests.fuzz.parsers import PARSERS, Parser

INPUTS = 1500


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_bad_input_is_refused_in_words_and_in_time(parser: Parser) -> None:
    outcome = attack(parser, seed=7, inputs=INPUTS)
    assert outcome.failures == []
    assert outcome.taken + outcome.refused == INPUTS
    assert outcome.taken > 0
    assert outcome.refused > INPUTS / 4


@given(st.integers(), st.integers(0, 10**6), st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_an_input_depends_on_nothing_but_its_seed_and_its_number(seed: int, number: int, samples: list[bytes]) -> None:
    data = make_input(seed, number, samples)
    assert data == make_input(seed, number, samples)
    assert len(data) <= MAX_BYTES


def test_a_parser_that_refuses_everything_does_nothing_wrong() -> None:
    outcome = attack(REFUSES, seed=1, inputs=50)
    assert (outcome.taken, outcome.refused, outcome.failures) == (0, 50, [])


def test_an_error_of_another_kind_is_found_and_told_by_its_number() -> None:
    outcome = attack(RAISES, seed=1, inputs=50)
    first = outcome.failures[0]
    assert first.what.startswith("raises KeyError")
    assert make_input(1, first.number, RAISES.samples())[:1] > b"0"


def test_a_crash_of_the_process_is_found_and_gone_past() -> None:
    outcome = attack(CRASHES, seed=1, inputs=12)
    assert outcome.failures
    assert all("ends the process with -11" in failure.what for failure in outcome.failures)
    assert all(make_input(1, failure.number, CRASHES.samples())[:1] > b"0" for failure in outcome.failures)


def test_a_hang_is_found_and_gone_past() -> None:
    bad = [n for n in range(40) if make_input(1, n, HANGS.samples())[:1] > b"0"]
    outcome = attack(HANGS, seed=1, inputs=bad[0] + 1, hang_s=2.0)
    assert [failure.number for failure in outcome.failures] == bad[:1]
    assert "hangs" in outcome.failures[0].what
