"""How many servers keep what is stored: three where servers form a cluster, one where the server is alone."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.js import api

from wire.bus.link import Link
from wire.errors import BusError

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


async def count_replicas(link: Link) -> int:
    """Return how many servers can keep a stream; an empty one in memory is created and deleted to ask them.

    Raises:
        BusError: they could not be asked.

    """
    jetstream = link.client.jetstream()
    name = f"replicas-{secrets.token_hex(8)}"

    async def create(replicas: int) -> int:
        config = api.StreamConfig(
            name=name, subjects=[name], storage=api.StorageType.MEMORY, max_msgs=1, num_replicas=replicas
        )
        await jetstream.add_stream(config)
        return replicas

    try:
        found = await create_replicated(create)
        await jetstream.delete_stream(name)
    except (nats.errors.Error, nats.js.errors.Error) as error:
        raise BusError(f"the servers do not say how many they are: {error!r}", remedy="are all of them up?") from error
    return found
