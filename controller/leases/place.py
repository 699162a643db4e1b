"""How a controller that starts again knows that the process before it is gone, without waiting for its lease to end.

The process holds a socket in the kernel's abstract namespace, which lasts exactly as long as the process does, frozen
or not. Whoever gets the same name, in the same network namespace since the same boot, is alone.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from wire.redact import redact_url

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/net")


class Place:
    """The right to be the only controller of a name here. ``name`` is empty where that cannot be had or known."""

    def __init__(self, controller: str, servers: Iterable[str]) -> None:
        cluster = hashlib.sha256("\n".join(sorted(map(redact_url, servers))).encode()).hexdigest()[:16]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = ""
        try:
            self._socket.bind(f"\0bramble-controller-{cluster}-{controller}")
            boot = _BOOT.read_text("ascii").strip()
            self.name = f"{boot}/{os.stat(_NAMESPACE).st_ino}/{cluster}"  # noqa: PTH116 - a link that leads nowhere
        except OSError:
            return  # another process has it, or this is no Linux: then leases are waited for

    def close(self) -> None:
        """Let the next one in."""
        self._socket.close()
