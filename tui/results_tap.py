"""Results while somebody looks at them: floods are thinned out before they reach the screen."""

from __future__ import annotations

import asyncio
from collections import deque

from tui.source import Put
from tui.updates import Refused, ResultsTaken, Wants
from wire import subjects
from wire.bus import Bus, Received, Subscription
from wire.errors import BadRequestError
from wire.messages import Result, decode

FLUSH_S = 0.25  # results are handed over so often, at most
NEWEST = 64  # results kept between two flushes


class ResultsTap:
    """Results while a screen wants them: the newest few, four times a second, however many come."""

    def __init__(self, bus: Bus, put: Put) -> None:
        self._bus = bus
        self._put = put
        self._newest: deque[tuple[str, bytes]] = deque(maxlen=NEWEST)
        self._came = 0
        self._flush: asyncio.TimerHandle | None = None
        self._wants = Wants()
        self._subscription: Subscription | None = None

    async def follow(self, wants: Wants) -> None:
        """Subscribe to what is wanted now."""
        if (wants.results, wants.camera) == (self._wants.results, self._wants.camera):
            return
        await self.close()
        self._wants = wants
        if wants.results:
            tokens = {"camera": wants.camera} if wants.camera else {}
            subject = subjects.RESULTS.wildcard(**tokens)
            self._subscription = await self._bus.data.subscribe(subject, self._take, max_pending=1024)

    async def close(self) -> None:
        """End the subscription."""
        if self._flush:
            self._flush.cancel()
            self._flush = None
        self._newest.clear()
        self._came = 0
        if self._subscription:
            await self._subscription.end()
            self._subscription = None

    async def _take(self, message: Received) -> None:
        self._newest.append((message.subject, message.data))
        self._came += 1
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self._hand_over)

    def _hand_over(self) -> None:
        self._flush = None
        messages, skipped = list(self._newest), self._came - len(self._newest)
        self._newest.clear()
        self._came = 0
        results: list[Result] = []
        refused: Refused | None = None
        for subject, data in messages:
            try:
                results.append(decode(data, Result))
            except BadRequestError as error:
                refused = Refused(subject, error.message)
        self._put(ResultsTaken(tuple(results), skipped))
        if refused:
            self._put(refused)
