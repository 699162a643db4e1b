"""How the programs log: one event a line, ``key=value``, the action named, passwords redacted."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from wire.redact import redact_url

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def _quote(value: Any) -> str:
    text = str(value)
    if text and not any(c in text for c in ' "=\n\t'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class LineFormatter(logging.Formatter):
    """Formats a record as one redacted line; fields come from ``extra=``.

    Under systemd the journal adds the time itself, so ``timestamp=False`` leaves it out.
    """

    def __init__(self, *, timestamp: bool) -> None:
        super().__init__()
        self._timestamp = timestamp

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        fields: dict[str, Any] = {"level": record.levelname.lower(), "msg": record.getMessage()}
        fields |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        line = " ".join(f"{key}={_quote(value)}" for key, value in fields.items())
        if self._timestamp:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            line = f"{stamp}.{int(record.msecs):03d}Z {line}"
        return redact_url(line)


def configure_logging(level: str, *, journal: bool) -> None:
    """Send the root logger's records to standard error.

    Args:
        level: a level's name, such as ``info``.
        journal: True where a journal stamps each line itself.

    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(timestamp=not journal))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
