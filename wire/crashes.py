"""What a program says in the end, when it fails in a way that nobody foresaw."""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

from wire.redact import redact_url


def redact_crashes() -> None:
    """Have what ends a program or a thread told without passwords: an error may quote a camera's address."""

    def tell(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        sys.stderr.write(redact_url("".join(traceback.format_exception(kind, error, trace))))
        sys.stderr.flush()

    def tell_thread(found: threading.ExceptHookArgs) -> None:
        if found.exc_type is not SystemExit:
            tell(found.exc_type, found.exc_value, found.exc_traceback)

    sys.excepthook = tell
    threading.excepthook = tell_thread
