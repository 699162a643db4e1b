"""Tells systemd how the service is: sd_notify(3), which is one datagram to the socket in NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"

_log = logging.getLogger("bramble.systemd")


def parse_address(text: str) -> str | None:
    """Return the address to send to: a path, or with ``@`` in front an abstract name; None for anything else."""
    if text.startswith("/"):
        return text
    return "\0" + text[1:] if text.startswith("@") and len(text) > 1 else None


class Notifier:
    """Says a word to systemd; says nothing where nobody listens."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = parse_address(environ.get("NOTIFY_SOCKET", ""))

    def tell(self, *words: str) -> None:
        """Send assignments such as ``READY=1``. A full or missing socket costs only the word."""
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
                end.setblocking(False)
                end.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            _log.debug("systemd was not told", extra={"action": "notify", "error": repr(error)})
