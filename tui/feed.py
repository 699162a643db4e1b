"""A cluster as the dashboard's source: what is asked every second, what is heard, and the way back after a loss."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from tui.actions import Action
from tui.asking import ask, raise_if_down
from tui.deeds import ask_for_plan, carry_out
from tui.log_tap import LogTap
from tui.results_tap import ResultsTap
from tui.shelves import Shelves
from tui.source import Put
from tui.updates import (
    Connecting,
    EventTaken,
    Lost,
    PictureMissing,
    PictureTaken,
    Refused,
    Silent,
    StatusTaken,
    Wants,
)
from wire import headers, subjects
from wire.bus import Bus, Received
from wire.cancellation import heed_cancellation
from wire.context import Context
from wire.errors import AnswerTimeoutError, BadRequestError, BrambleError, BusError, NoRespondersError
from wire.messages import Event, NameRequest, decode
from wire.plans import PlanReport, PlanRequest
from wire.redact import redact_url
from wire.status import ClusterStatus

PERIOD_S = 1.0
RETRY_S = (1.0, 2.0, 3.0, 5.0)
"""Seconds before each attempt to connect again; the last for all that follow."""


def retry_delay(attempt: int) -> float:
    """Return the seconds to wait before an attempt to connect again, counted from 0."""
    return RETRY_S[min(attempt, len(RETRY_S) - 1)]


class LiveFeed:
    """A cluster over NATS: connects, asks every second how everything is, and connects again when it must."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._hurry = asyncio.Event()
        self._changed = asyncio.Event()
        self._wished = asyncio.Event()
        self._sought = asyncio.Event()
        self._wants = Wants()
        self._bus: Bus | None = None

    async def run(self, put: Put) -> None:
        """Hand over updates until cancelled."""
        where = redact_url(self._context.url)
        attempt = 0
        while True:
            put(Connecting(where))
            lost: BrambleError = BusError("the connection has ended")
            try:
                async with Bus.connect(self._context, name="bramble-top") as bus:
                    attempt = 0
                    await self._follow(bus, put)
            except* BrambleError as group:
                lost = _first(group)
            self._bus = None
            delay = retry_delay(attempt)
            put(Lost(lost.message, lost.remedy, self._clock() + delay))
            await self._wait(self._hurry, delay)
            attempt += 1

    def want(self, wants: Wants) -> None:
        """Say what the open screens need beyond the status."""
        if wants != self._wants:
            self._wants = wants
            self._changed.set()
            self._wished.set()
            self._sought.set()

    def hurry(self) -> None:
        """Try to connect now."""
        self._hurry.set()

    async def act(self, action: Action) -> str:
        """Carry out an action and return what was done.

        Raises:
            BusError: the cluster cannot be reached.
            BrambleError: what the controller or the node answers.

        """
        return await carry_out(self._require_bus(), action)

    async def propose(self, request: PlanRequest) -> PlanReport:
        """Have a plan made, and change nothing.

        Raises:
            BusError: the cluster cannot be reached.
            BrambleError: there is no plan, or something could not be measured.

        """
        return await ask_for_plan(self._require_bus(), "make", request)

    def _require_bus(self) -> Bus:
        if self._bus is None:
            raise BusError("not connected", remedy="try again once the connection is back")
        return self._bus

    async def _follow(self, bus: Bus, put: Put) -> None:
        """Ask every second until the connection is lost, which ends in a BusError."""
        self._bus = bus
        shelves = Shelves(bus, put, lambda: self._wants, self._wished)
        logs = LogTap(bus, put, lambda: self._wants, self._sought)
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            tap = ResultsTap(bus, put)
            stack.push_async_callback(tap.close)
            for family in (subjects.NODE_EVENT, subjects.CAMERA_EVENT, subjects.MODEL_EVENT):
                await bus.control.subscribe(family.wildcard(), _make_event_handler(family, put))
            tasks.create_task(shelves.run(), name="shelves")
            tasks.create_task(logs.run(), name="logs")
            while True:
                heed_cancellation()
                self._changed.clear()
                due = self._clock() + PERIOD_S
                await tap.follow(self._wants)
                await asyncio.gather(_take_status(bus, logs.pass_on), _take_picture(bus, self._wants.picture, put))
                await self._wait(self._changed, due - self._clock())

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            await asyncio.wait_for(event.wait(), max(0.0, seconds))
        except TimeoutError:
            return
        finally:
            event.clear()


def _make_event_handler(family: subjects.Subject, put: Put) -> Callable[[Received], Awaitable[None]]:
    async def take(message: Received) -> None:
        fields = family.parse(message.subject) or {}
        source = next((fields[name] for name in ("node", "camera", "model") if name in fields), "")
        try:
            put(EventTaken(source, decode(message.data, Event)))
        except BadRequestError as error:
            put(Refused(message.subject, error.message))

    return take


async def _take_status(bus: Bus, put: Put) -> None:
    try:
        put(StatusTaken(decode((await ask(bus, "cluster", "status")).data, ClusterStatus)))
    except (NoRespondersError, AnswerTimeoutError) as error:
        raise_if_down(bus, error)
        put(Silent(error.message, error.remedy))
    except BusError:
        raise
    except BrambleError as error:
        put(Silent(f"the controller's answer cannot be used: {error.message}", error.remedy))


async def _take_picture(bus: Bus, camera: str | None, put: Put) -> None:
    if camera is None:
        return
    try:
        reply = await ask(bus, "camera", "snapshot", NameRequest(name=camera))
    except BusError as error:
        raise_if_down(bus, error)
        put(PictureMissing(camera, error.message))
    except BrambleError as error:
        put(PictureMissing(camera, error.message))
    else:
        put(PictureTaken(camera, reply.data, (reply.headers or {}).get(headers.FRAME, "")))


def _first(group: ExceptionGroup[BrambleError]) -> BrambleError:
    """Return the first error of a group, which may hold groups."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
