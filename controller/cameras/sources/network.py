"""Names before connections: FFmpeg reports an unknown host as "Input/output error"."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from controller.cameras.errors import Fault, FaultKind, SourceFaultError
from controller.cameras.source import Source


def check_host(source: Source) -> None:
    """Resolve the host of a network source.

    Raises:
        SourceFaultError: when its name is not known.

    """
    host = urlsplit(source.target).hostname or ""
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not a host name"
        fault = Fault(
            FaultKind.UNREACHABLE,
            f"the name {host[:253]!r} cannot be resolved: {words}",
            "check the spelling, or use the camera's IP address",
        )
        raise SourceFaultError(fault) from error
