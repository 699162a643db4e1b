"""Many logs as one: which programs are meant, and what order their lines come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import BadRequestError
from wire.log_lines import LogLevel, LogLine, Program, Told, find_programs, merge_lines, parse_program

KNOWN = (Program("controller", "pi1"), Program("controller", "pi9"), Program("node", "attic"), Program("node", "pi1"))


def make_told(program: Program, number: int, at: float) -> Told:
    line = LogLine(number=number, at=at, level=LogLevel.INFO, logger="bramble.test", text="")
    return Told(program, "run", line)


TOLD = st.builds(make_told, st.sampled_from(KNOWN), st.integers(1, 20), st.floats(0, 100))


def test_a_bare_name_means_all_programs_of_that_name() -> None:
    assert find_programs(["pi1"], KNOWN) == (Program("controller", "pi1"), Program("node", "pi1"))


def test_a_name_with_its_kind_means_one_and_counts_once() -> None:
    assert find_programs(["node/pi1", "node/pi1"], KNOWN) == (Program("node", "pi1"),)


def test_an_unknown_name_is_refused_with_those_that_are_near() -> None:
    with pytest.raises(BadRequestError) as refused:
        find_programs(["atic"], KNOWN)
    assert "attic" in refused.value.remedy


def test_an_unknown_name_that_is_near_to_none_is_refused_with_some_of_all() -> None:
    with pytest.raises(BadRequestError) as refused:
        find_programs(["zzzzzz"], KNOWN)
    assert "attic" in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "program"),
    [("node/pi1", Program("node", "pi1")), ("controller/c", Program("controller", "c")), ("pi1", None)],
)
def test_a_program_is_written_with_its_kind(text: str, program: Program | None) -> None:
    assert parse_program(text) == program


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(BadRequestError, match="camera/door"):
        parse_program("camera/door")


@given(st.lists(TOLD, max_size=60), st.integers(1, 80))
def test_merged_lines_are_in_order_each_once_and_the_last_ones(told: list[Told], limit: int) -> None:
    merged = merge_lines(told, limit)

    assert [each.line.at for each in merged] == sorted(each.line.at for each in merged)
    assert len({each.key for each in merged}) == len(merged) == min(limit, len({each.key for each in told}))
    kept = {each.key for each in merged}
    left_out = [each for each in merge_lines(told, len(told) or 1) if each.key not in kept]
    assert all(each.line.at <= merged[0].line.at for each in left_out)


def test_lines_of_one_moment_keep_the_order_of_their_program() -> None:
    lines = [make_told(KNOWN[0], number, 1.0) for number in (3, 1, 2)]

    assert [each.line.number for each in merge_lines(lines, 10)] == [1, 2, 3]
