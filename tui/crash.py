"""What the dashboard leaves on the terminal when it fails: where it was, and no value of any variable."""

from __future__ import annotations

import traceback

from rich.text import Text

from wire.redact import redact_url


def describe_crash() -> Text:
    """Return the traceback of the exception that is being handled.

    Textual's own shows the local variables of every frame, and a password that was typed in may be one of them.
    """
    return Text(redact_url(traceback.format_exc()))
