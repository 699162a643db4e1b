"""Where the dashboard's data comes from. This is its only module that speaks to the network."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from tui.actions import Action, AddCamera, Drain, RemoveCamera, Undrain
from tui.source import Put
from tui.updates import (
    Connecting,
    EventTaken,
    Lost,
    PictureMissing,
    PictureTaken,
    Refused,
    ResultsTaken,
    Silent,
    StatusTaken,
    Wants,
)
from wire import headers, subjects
from wire.bus import Bus, Received, Subscription
from wire.context import Context
from wire.errors import (
    AnswerTimeoutError,
    BadRequestError,
    BrambleError,
    BusError,
    InternalError,
    NoRespondersError,
    error_from_json,
)
from wire.messages import Done, Event, NameRequest, Result, decode, encode
from wire.redact import redact_url
from wire.status import ClusterStatus

PERIOD_S = 1.0
ASK_S = 2.0  # for what is asked every second
ACT_S = 30.0  # a camera's removal waits for its frames
FLUSH_S = 0.25  # results are handed over so often, at most
NEWEST = 64  # results kept between two flushes
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
        self._wants = Wants()
        self._bus: Bus | None = None

    async def run(self, put: Put) -> None:
        """Hand over updates until cancelled."""
        where = redact_url(self._context.url)
        attempt = 0
        while True:
            put(Connecting(where))
            try:
                async with Bus.connect(self._context, name="bramble-top") as bus:
                    attempt = 0
                    await self._follow(bus, put)
            except BrambleError as error:
                self._bus = None
                delay = retry_delay(attempt)
                put(Lost(error.message, error.remedy, self._clock() + delay))
                await self._wait(self._hurry, delay)
                attempt += 1

    def want(self, wants: Wants) -> None:
        """Say what the open screens need beyond the status."""
        if wants != self._wants:
            self._wants = wants
            self._changed.set()

    def hurry(self) -> None:
        """Try to connect now."""
        self._hurry.set()

    async def act(self, action: Action) -> str:
        """Carry out an action and return what was done.

        Raises:
            BusError: the cluster cannot be reached.
            BrambleError: what the controller or the node answers.

        """
        if self._bus is None:
            raise BusError("not connected", remedy="try again once the connection is back")
        subject, payload = _address(action, self._bus.user)
        return decode((await _ask(self._bus, subject, payload, within=ACT_S)).data, Done).text

    async def _follow(self, bus: Bus, put: Put) -> None:
        """Ask every second until the connection is lost, which ends in a BusError."""
        self._bus = bus
        async with AsyncExitStack() as stack:
            tap = _ResultsTap(bus, put)
            stack.push_async_callback(tap.close)
            for family in (subjects.NODE_EVENT, subjects.CAMERA_EVENT):
                await bus.control.subscribe(family.wildcard(), _make_event_handler(family, put))
            while True:
                self._changed.clear()
                due = self._clock() + PERIOD_S
                await tap.follow(self._wants)
                await asyncio.gather(_take_status(bus, put), _take_picture(bus, self._wants.picture, put))
                await self._wait(self._changed, due - self._clock())

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            await asyncio.wait_for(event.wait(), max(0.0, seconds))
        except TimeoutError:
            return
        finally:
            event.clear()


def _address(action: Action, user: str) -> tuple[str, bytes]:
    """Return the subject and the payload of a user's action."""
    match action:
        case Drain(node):
            return subjects.CONTROL.build(user=user, noun="node", verb="drain"), encode(NameRequest(name=node))
        case Undrain(node):
            return subjects.CONTROL.build(user=user, noun="node", verb="undrain"), encode(NameRequest(name=node))
        case AddCamera(config):
            return subjects.CONTROL.build(user=user, noun="camera", verb="add"), encode(config)
        case RemoveCamera(camera):
            return subjects.CONTROL.build(user=user, noun="camera", verb="remove"), encode(NameRequest(name=camera))


class _ResultsTap:
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


def _make_event_handler(family: subjects.Subject, put: Put) -> Callable[[Received], Awaitable[None]]:
    async def take(message: Received) -> None:
        fields = family.parse(message.subject) or {}
        source = fields.get("node") or fields.get("camera") or ""
        try:
            put(EventTaken(source, decode(message.data, Event)))
        except BadRequestError as error:
            put(Refused(message.subject, error.message))

    return take


async def _take_status(bus: Bus, put: Put) -> None:
    subject = subjects.CONTROL.build(user=bus.user, noun="cluster", verb="status")
    try:
        put(StatusTaken(decode((await _ask(bus, subject, b"{}", within=ASK_S)).data, ClusterStatus)))
    except (NoRespondersError, AnswerTimeoutError) as error:
        _raise_if_down(bus, error)
        put(Silent(error.message, error.remedy))
    except BusError:
        raise
    except BrambleError as error:
        put(Silent(f"the controller's answer cannot be used: {error.message}", error.remedy))


async def _take_picture(bus: Bus, camera: str | None, put: Put) -> None:
    if camera is None:
        return
    subject = subjects.CONTROL.build(user=bus.user, noun="camera", verb="snapshot")
    try:
        reply = await _ask(bus, subject, encode(NameRequest(name=camera)), within=ASK_S)
    except BusError as error:
        _raise_if_down(bus, error)
        put(PictureMissing(camera, error.message))
    except BrambleError as error:
        put(PictureMissing(camera, error.message))
    else:
        put(PictureTaken(camera, reply.data, (reply.headers or {}).get(headers.FRAME, "")))


def _raise_if_down(bus: Bus, error: BusError) -> None:
    if not bus.connected:
        raise error


async def _ask(bus: Bus, subject: str, payload: bytes, *, within: float) -> Received:
    """Ask on the control connection.

    Raises:
        NoRespondersError: nobody is there to answer; says whom to start.
        BrambleError: the error that was answered.

    """
    try:
        reply = await bus.control.request(subject, payload, within=within)
    except NoRespondersError as error:
        remedy = "`bramble local` starts a whole cluster on this machine"
        raise NoRespondersError("no controller answers", remedy=remedy) from error
    if any(name.lower() == headers.ERROR.lower() for name in reply.headers or {}):
        raise error_from_json(reply.data) or InternalError(f"an error reply cannot be read: {reply.data[:200]!r}")
    return reply
