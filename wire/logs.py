"""How the programs log: one event a line, ``key=value``, the action named, passwords redacted.

In systemd's journal each line has its priority (sd-daemon(3)), on a terminal its colour.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

from wire.crashes import redact_crashes
from wire.redact import redact_url

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_COLOURS = {logging.CRITICAL: "1;31", logging.ERROR: "31", logging.WARNING: "33", logging.DEBUG: "2"}


def _quote(value: Any) -> str:
    text = str(value)
    if text and not any(c in text for c in ' "=\n\t'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class LineFormatter(logging.Formatter):
    """Formats a record as one redacted line; fields come from ``extra=``.

    Under systemd the journal adds the time itself, so ``timestamp=False`` leaves it out. With ``priorities`` the
    journal is told each line's, so that ``journalctl --priority=warning`` works; ``colours`` are for people.
    """

    def __init__(self, *, timestamp: bool, priorities: bool = False, colours: bool = False) -> None:
        super().__init__()
        self._timestamp = timestamp
        self._priorities = priorities
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        fields: dict[str, Any] = {"level": record.levelname.lower(), "msg": record.getMessage()}
        fields |= list_fields(record)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        line = " ".join(f"{key}={_quote(value)}" for key, value in fields.items())
        if self._timestamp:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            line = f"{stamp}.{int(record.msecs):03d}Z {line}"
        line = redact_url(line)
        if self._priorities:
            return f"<{find_priority(record.levelno)}>{line}"
        colour = _COLOURS.get(record.levelno, "") if self._colours else ""
        return f"\x1b[{colour}m{line}\x1b[0m" if colour else line


def list_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record was given as ``extra=``."""
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


def find_priority(level: int) -> int:
    """Return syslog's priority for a level of Python's logging: the more urgent, the lower."""
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)


def configure_logging(level: str, *, journal: bool, book: logging.Handler | None = None) -> None:
    """Send the root logger's records to standard error, and into a book that keeps the last; so what ends the program.

    Args:
        level: a level's name, such as ``info``.
        journal: True where a journal stamps each line itself.
        book: a :class:`wire.logbook.Logbook`; None: none is kept.

    """
    handler = logging.StreamHandler(sys.stderr)
    # systemd sets JOURNAL_STREAM for what it connects to the journal.
    priorities = journal and "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty()
    colours = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    handler.setFormatter(LineFormatter(timestamp=not journal, priorities=priorities, colours=colours))
    redact_crashes()
    logging.basicConfig(level=level.upper(), handlers=[handler, *([book] if book else [])], force=True)
