"""Work pulled from a stream: each message is somebody's until it is acknowledged, handed back, or forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

from wire.bus.link import Link
from wire.errors import BusError

MAX_FETCH_S = 2.0
"""A fetch that is under way when the server restarts is lost until its end, so it must be short."""

ACK_S = 2.0
EXIST_S = 0.5
"""While servers look for a leader nobody answers this; whoever pulls again meanwhile is there when one is found."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is ours to work on for as long as we say so."""

    link: Link
    subject: str
    headers: Mapping[str, str]
    data: bytes
    sequence: int
    stored_at: float  # Unix seconds
    deliveries: int  # how often the server has handed it out, this time included
    token: str  # where acknowledgements go

    async def acknowledge(self) -> None:
        """Say that the work is done; the message is gone when this returns.

        Raises:
            BusError: the server did not confirm it; the message may come again.

        """
        async with self.link.unbroken():
            await self.link.request(self.token, b"+ACK", within=ACK_S)

    async def keep(self) -> None:
        """Say that the work goes on, so that the message is not handed to another.

        Raises:
            BusError: the connection is gone.

        """
        await self.link.publish(self.token, b"+WPI")

    async def hand_back(self) -> None:
        """Let another have it at once.

        Raises:
            BusError: the connection is gone.

        """
        await self.link.publish(self.token, b"-NAK")


class Work:
    """The pulling end of a durable consumer."""

    def __init__(self, link: Link, inner: JetStreamContext.PullSubscription) -> None:
        self._link = link
        self._inner = inner

    async def pull(self, most: int, *, within: float = 1.0) -> list[Delivery]:
        """Wait at most ``within`` seconds, 2 at most, for some messages; empty when there are none.

        Raises:
            BusError: the consumer is not there any more, or the server cannot be asked.

        """
        try:
            messages = await fetch(self._inner, most, within=min(within, MAX_FETCH_S))
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise BusError(f"pulling work failed: {error!r}") from error
        return [self._delivery(message) for message in messages]

    @property
    def connected(self) -> bool:
        """Whether the server can be asked now; requests made meanwhile would all be answered at once, later."""
        return self._link.connected

    async def exists(self) -> bool:
        """Tell whether the server still has the consumer.

        Raises:
            BusError: it could not be asked.

        """
        try:
            async with self._link.unbroken(), asyncio.timeout(EXIST_S):
                await self._inner.consumer_info()
        except nats.js.errors.NotFoundError:
            return False
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise BusError(f"the consumer cannot be asked for: {error!r}") from error
        return True

    async def close(self) -> None:
        """Stop pulling."""
        try:
            await self._inner.unsubscribe()
        except (nats.errors.Error, nats.js.errors.Error):
            return  # the connection has gone, and the subscription with it

    def _delivery(self, message: Msg) -> Delivery:
        about = message.metadata
        return Delivery(
            link=self._link,
            subject=message.subject,
            headers=message.headers or {},
            data=message.data,
            sequence=about.sequence.stream,
            stored_at=about.timestamp.timestamp(),
            deliveries=about.num_delivered,
            token=message.reply,
        )


async def fetch(subscription: JetStreamContext.PullSubscription, most: int, *, within: float) -> list[Msg]:
    """Fetch what there is; empty after ``within`` seconds without any."""
    try:
        return list(await subscription.fetch(most, timeout=within))
    except TimeoutError:  # nats-py's own are of this class
        return []
