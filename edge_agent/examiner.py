"""Examines this node when an operator asks, without getting in the way of what it serves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from edge_agent.examination.judge import judge
from edge_agent.examination.take import take_readings
from edge_agent.settings import Settings
from wire.context import find_context
from wire.errors import BrambleError, NoCapacityError
from wire.findings import Examination
from wire.messages import Message

Reply = Callable[[Message | BrambleError], Awaitable[None]]

_log = logging.getLogger("bramble.agent")


def examine(settings: Settings, *, busy: Collection[str] = ()) -> Examination:
    """Take the readings and judge them; a few seconds. ``busy`` backends serve now and are not tried again."""
    started = time.monotonic()
    readings = take_readings(
        cache=settings.cache,
        cache_limit=settings.cache_bytes,
        context=find_context(settings.context),
        backends=settings.backends,
        busy=busy,
    )
    findings = judge(settings.node, readings)
    return Examination(
        node=settings.node, at=time.time(), took_s=round(time.monotonic() - started, 2), findings=findings
    )


class Examiner:
    """Carries out one examination at a time, on a thread of its own: the heart must never wait for it."""

    def __init__(self, settings: Settings, serving: Callable[[], Collection[str]]) -> None:
        self._settings = settings
        self._serving = serving  # backends in use now
        self._thread = ThreadPoolExecutor(1, "examination")
        self._task: asyncio.Task[None] | None = None

    def begin(self, reply: Reply) -> None:
        """Begin; ``reply`` gets the examination.

        Raises:
            NoCapacityError: one is under way.

        """
        if self._task is not None and not self._task.done():
            raise NoCapacityError(f"{self._settings.node} is being examined already", remedy="ask again in a moment")
        self._task = asyncio.create_task(self._answer(reply), name="examine")

    async def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, reply: Reply) -> None:
        work = partial(examine, self._settings, busy=tuple(self._serving()))
        examination = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        _log.info("examined", extra={"action": "examine", "seconds": examination.took_s})
        try:
            await reply(examination)
        except BrambleError as error:
            _log.warning("an examination was lost", extra={"action": "examine", "error": str(error)})
