"""A program's last log lines, kept in memory, so that whoever may can ask for them over NATS.

A log stays on its host; this is what is left of it for those who look from elsewhere. Nothing is sent unasked.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Iterable
from secrets import token_hex

from wire.answers import address, find_node, is_inbox
from wire.bus import Link, Received
from wire.errors import BadRequestError, BusError, NotAuthorisedError
from wire.log_lines import MAX_LINES, LogLevel, LogLine, LogPage, LogRequest
from wire.logs import list_fields
from wire.messages import decode, encode
from wire.redact import redact_url
from wire.service import error_headers

MAX_BYTES = 256 << 10
"""Of all lines together, as JSON: a page of all of them stays far below NATS' default limit of 1 MiB."""

MAX_TEXT = 2000
"""Characters of a message or a field; of what is longer the end is kept, where a traceback names the error."""

_log = logging.getLogger("bramble.logs")


def choose_lines(lines: Iterable[LogLine], request: LogRequest, *, run: str) -> tuple[LogLine, ...]:
    """Return the lines that a request asks for; to whoever read another run, all are new."""
    after = request.after if request.run == run else 0
    wanted = [each for each in lines if each.number > after and each.level.rank >= request.level.rank]
    return tuple(wanted[-request.limit :])


class Logbook(logging.Handler):
    """Keeps the last lines of level INFO and above: at most MAX_LINES, and MAX_BYTES of them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._run = token_hex(4)
        self._lines: deque[tuple[LogLine, int]] = deque()
        self._bytes = 0
        self._last = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take in a line, and let go of the oldest; logging calls it, one thread at a time."""
        try:
            line = describe_record(record, self._last + 1)
        except (TypeError, ValueError):  # a message that does not fit its arguments: logging's own way to say so
            self.handleError(record)
            return
        self._last = line.number
        size = len(encode(line))
        self._lines.append((line, size))
        self._bytes += size
        while len(self._lines) > MAX_LINES or self._bytes > MAX_BYTES:
            self._bytes -= self._lines.popleft()[1]

    def read(self, request: LogRequest) -> LogPage:
        """Answer a request."""
        self.acquire()
        try:
            lines, last = [line for line, _ in self._lines], self._last
        finally:
            self.release()
        kept_from = lines[0].number if lines else last + 1
        lost = max(0, kept_from - request.after - 1) if request.run == self._run else 0
        return LogPage(run=self._run, last=last, lost=lost, lines=choose_lines(lines, request, run=self._run))


def describe_record(record: logging.LogRecord, number: int) -> LogLine:
    """Return a record as a line, redacted as in the log itself.

    Raises:
        TypeError: its message does not fit its arguments.
        ValueError: likewise.

    """
    fields = {name: _clean(str(value)) for name, value in list_fields(record).items()}
    if record.exc_info and record.exc_info[1] is not None:
        fields["traceback"] = _clean("".join(traceback.format_exception(record.exc_info[1])).rstrip())
    return LogLine(
        number=number,
        at=record.created,
        level=find_level(record.levelno),
        logger=record.name,
        text=_clean(record.getMessage()),
        fields=fields,
    )


def find_level(number: int) -> LogLevel:
    """Return the level that a number of Python's logging reaches."""
    return next((level for level in reversed(LogLevel) if number >= level.rank), LogLevel.INFO)


def _clean(text: str) -> str:
    """Redact before cutting: half a URL would not be seen to be one. What is no Unicode cannot be sent."""
    whole = redact_url(text)
    kept = whole if len(whole) <= MAX_TEXT else "…" + whole[1 - MAX_TEXT :]
    return kept.encode("utf-8", "replace").decode()


async def answer_logs(link: Link, subject: str, book: Logbook) -> None:
    """Begin to answer requests on a program's own subject with what its book holds.

    A server whose roles are of an older release may refuse that: the program goes on without.
    """
    node = find_node(subject)

    async def receive(message: Received) -> None:
        reply = address(message.reply, node) if node else message.reply
        if not (reply if node else is_inbox(reply)):
            return
        try:
            page = book.read(decode(message.data, LogRequest))
        except BadRequestError as error:
            await link.publish(reply, error.to_json(), headers=error_headers(error))
        else:
            await link.publish(reply, encode(page))

    subscription = await link.subscribe(subject, receive, max_pending=16)
    try:
        await link.flush()
    except NotAuthorisedError as error:
        await subscription.end()
        _log.warning("the log is told to nobody", extra={"action": "answer_logs", "error": error.message})
    except BusError as error:  # the server comes back, and the subscription with it
        _log.warning("the server is slow", extra={"action": "answer_logs", "error": error.message})
