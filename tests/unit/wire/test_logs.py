"""One event a line, whatever it holds; for the journal with its priority, for people in colour."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.logs import LineFormatter, find_priority


def make_record(text: str, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": text, "levelno": level, "levelname": logging.getLevelName(level)})
    record.__dict__.update(fields)
    return record


def test_an_event_is_one_line_with_its_action_and_its_frame() -> None:
    line = LineFormatter(timestamp=False).format(make_record("node barred", action="bar", frame="0193c0ffee"))

    assert line == 'level=info msg="node barred" action=bar frame=0193c0ffee'


def test_passwords_are_left_out() -> None:
    line = LineFormatter(timestamp=False).format(make_record("opened", url="rtsp://user:T0P-S3CRET@cam/1"))

    assert "S3CRET" not in line


def test_a_traceback_stays_on_its_line() -> None:
    try:
        int("two\nlines")
    except ValueError:
        record = make_record("failed", logging.ERROR)
        record.exc_info = sys.exc_info()

    line = LineFormatter(timestamp=True).format(record)

    assert "\n" not in line
    assert "ValueError" in line


@given(st.text(), st.text())
def test_whatever_is_logged_is_one_line_for_the_journal(text: str, value: str) -> None:
    line = LineFormatter(timestamp=False, priorities=True).format(make_record(text, value=value))

    assert line.startswith("<6>level=info ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2), (35, 4)],
)
def test_levels_become_syslogs_priorities(level: int, priority: int) -> None:
    assert find_priority(level) == priority


def test_on_a_terminal_what_is_wrong_has_a_colour_and_what_is_well_has_none() -> None:
    formatter = LineFormatter(timestamp=False, colours=True)

    assert formatter.format(make_record("bad", logging.ERROR)) == "\x1b[31mlevel=error msg=bad\x1b[0m"
    assert formatter.format(make_record("good")) == "level=info msg=good"


def test_a_password_in_a_traceback_is_redacted() -> None:
    def crash() -> None:
        raise OSError("rtsp://joe:s3cret@door/1 cannot be opened")

    try:
        crash()
    except OSError:
        record = make_record("failed", logging.ERROR)
        record.exc_info = sys.exc_info()

    line = LineFormatter(timestamp=False).format(record)

    assert "rtsp://***@door/1 cannot be opened" in line
    assert "s3cret" not in line
