"""What a program keeps of its log, and what it hands out of that."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.errors import BadRequestError
from wire.log_lines import MAX_LINES, LogLevel, LogLine, LogRequest
from wire.logbook import MAX_BYTES, MAX_TEXT, Logbook, choose_lines, find_level
from wire.messages import decode, encode

LEVELS = st.sampled_from(list(LogLevel))


def log(book: Logbook, text: str, level: int = logging.INFO, **fields: object) -> None:
    """Hand a book a line as logging does."""
    record = logging.LogRecord("bramble.test", level, __file__, 1, text, None, None)
    record.__dict__.update(fields)
    book.handle(record)


def make_line(number: int, level: LogLevel = LogLevel.INFO) -> LogLine:
    return LogLine(number=number, at=float(number), level=level, logger="bramble.test", text=f"line {number}")


def test_a_line_keeps_its_level_its_logger_its_words_and_its_fields() -> None:
    book = Logbook()
    log(book, "node barred", logging.WARNING, action="bar", frame="0193c0ffee")

    (line,) = book.read(LogRequest()).lines

    assert (line.number, line.level, line.logger) == (1, LogLevel.WARNING, "bramble.test")
    assert line.text == "node barred"
    assert line.fields == {"action": "bar", "frame": "0193c0ffee"}


def test_passwords_are_kept_neither_in_words_nor_in_fields_nor_in_tracebacks() -> None:
    book = Logbook()
    error = ValueError("rtsp://joe:T0P-S3CRET@cam/1")
    log(
        book,
        "opening rtsp://joe:T0P-S3CRET@cam/1",
        logging.ERROR,
        url="http://cam/?token=T0P-S3CRET",
        exc_info=(ValueError, error, None),
    )

    page = book.read(LogRequest())

    assert "ValueError" in page.lines[0].fields["traceback"]
    assert b"S3CRET" not in encode(page)


def test_a_password_is_not_seen_where_a_long_text_is_cut() -> None:
    book = Logbook()
    log(book, "rtsp://joe:T0P-S3CRET@cam/" + "x" * (MAX_TEXT - 10))

    (line,) = book.read(LogRequest()).lines

    assert len(line.text) == MAX_TEXT
    assert "S3CRET" not in line.text


def test_what_is_below_info_is_not_kept() -> None:
    book = Logbook()
    logger = logging.getLogger("bramble.test.logbook")
    logger.addHandler(book)
    logger.setLevel(logging.DEBUG)
    try:
        logger.debug("a detail")
        logger.info("an event")
    finally:
        logger.removeHandler(book)
        logger.setLevel(logging.NOTSET)

    assert [line.text for line in book.read(LogRequest()).lines] == ["an event"]


def test_a_message_that_does_not_fit_its_arguments_costs_only_itself(capsys: pytest.CaptureFixture[str]) -> None:
    book = Logbook()
    book.handle(logging.LogRecord("bramble.test", logging.INFO, __file__, 1, "%d frames", ("no number",), None))
    log(book, "the next")

    assert [line.text for line in book.read(LogRequest()).lines] == ["the next"]
    assert "TypeError" in capsys.readouterr().err


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3 * MAX_TEXT), max_size=20), st.sampled_from([0, 1, 40, MAX_LINES + 3]))
def test_a_book_never_holds_more_than_its_bounds_and_always_the_newest(sizes: list[int], small: int) -> None:
    book = Logbook()
    for size in sizes:
        log(book, "\0" * size, more="\0" * size, and_more="\0" * size)
    for number in range(small):
        log(book, f"{number}")

    page = book.read(LogRequest())

    assert len(page.lines) <= MAX_LINES
    assert sum(len(encode(line)) for line in page.lines) <= MAX_BYTES
    assert page.last == len(sizes) + small
    assert [line.number for line in page.lines] == list(range(page.last - len(page.lines) + 1, page.last + 1))
    assert len(page.lines) >= min(page.last, 3)


@given(st.text())
def test_whatever_is_logged_can_be_sent_and_read(text: str) -> None:
    book = Logbook()
    log(book, text + "\udcff", more=text + "\udcff")

    page = book.read(LogRequest())

    assert decode(encode(page), type(page)) == page


@given(st.lists(LEVELS, max_size=40), st.integers(0, 50), LEVELS, st.integers(1, MAX_LINES))
def test_the_last_lines_after_a_number_and_of_a_level_are_chosen(
    levels: list[LogLevel], after: int, least: LogLevel, limit: int
) -> None:
    lines = [make_line(number, level) for number, level in enumerate(levels, 1)]

    chosen = choose_lines(lines, LogRequest(run="r", after=after, level=least, limit=limit), run="r")

    fitting = [line for line in lines if line.number > after and line.level.rank >= least.rank]
    assert list(chosen) == fitting[-limit:]


def test_whoever_read_an_earlier_run_gets_all_of_this_one() -> None:
    book = Logbook()
    log(book, "started")

    page = book.read(LogRequest(run="another", after=40))

    assert [line.text for line in page.lines] == ["started"]
    assert page.lost == 0


def test_a_reader_that_comes_too_late_is_told_how_many_lines_are_gone() -> None:
    book = Logbook()
    log(book, "first")
    first = book.read(LogRequest())
    for number in range(MAX_LINES + 7):
        log(book, f"{number}")

    page = book.read(LogRequest(run=first.run, after=first.last))

    assert (page.lost, len(page.lines)) == (7, MAX_LINES)


def test_a_reader_that_is_up_to_date_gets_nothing() -> None:
    book = Logbook()
    log(book, "first")
    first = book.read(LogRequest())

    page = book.read(LogRequest(run=first.run, after=first.last))

    assert (page.lines, page.lost, page.last) == ((), 0, 1)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"limit": 0}', b'{"limit": 501}', b'{"level": "loud"}', b'{"x": 1}'])
def test_a_request_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError):
        decode(data, LogRequest)


@pytest.mark.parametrize(
    ("number", "level"),
    [(20, LogLevel.INFO), (25, LogLevel.INFO), (30, LogLevel.WARNING), (40, LogLevel.ERROR), (99, LogLevel.CRITICAL)],
)
def test_a_number_of_pythons_logging_is_the_level_that_it_reaches(number: int, level: LogLevel) -> None:
    assert find_level(number) is level
