"""Child processes that are frozen, as a hung machine's are: their sockets are open, and nothing comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze a child of this process for the time of the block; one that is killed meanwhile stays dead.

    The signal alone stops nothing yet: until each of its threads has seen it, the child may answer once more.
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
