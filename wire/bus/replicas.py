"""How many servers keep what is stored: three where servers form a cluster, one where the server is alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.js.errors

REPLICAS = 3
_NOT_CLUSTERED = 10074  # JSStreamReplicasNotSupportedErr of the server's list of errors

T = TypeVar("T")


async def create_replicated(create: Callable[[int], Awaitable[T]]) -> T:
    """Create a stream with as many replicas as the servers there are can keep; the server is asked, not configured.

    Args:
        create: creates it with that many replicas.

    Raises:
        nats.js.errors.Error: it was not created; also when servers of the cluster are away just now, because a stream
            that silently had one replica would be lost with its server.

    """
    try:
        return await create(REPLICAS)
    except nats.js.errors.APIError as error:
        if error.err_code != _NOT_CLUSTERED:
            raise
    return await create(1)
