"""``edge_agent standby``: an agent that has started and waits to be told which node it is, in place of one that died.

To start Python and to load a runtime takes longer than all else between a death and the next frame.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from edge_agent.backends import litert
from wire.messages import decode
from wire.standby import MAX_BYTES, StandIn

LOG_MODE = 0o600


def stand_by(backends: Sequence[str], orders: BinaryIO) -> list[str] | None:
    """Load what these backends need, and wait; return the arguments to go on with, or None where nobody died.

    Raises:
        BackendMissingError: a runtime is not there.
        BadRequestError: what came is no :class:`wire.standby.StandIn`.

    """
    if litert.LitertBackend.name in backends:
        litert.load_runtime()
    sys.stdout.write("standing by\n")
    sys.stdout.flush()
    line = orders.readline(MAX_BYTES)
    if not line:
        return None
    order = decode(line, StandIn)
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, LOG_MODE)
    for said in (1, 2):
        os.dup2(log, said)
    os.close(log)
    return list(order.arguments)
