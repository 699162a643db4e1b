"""A NATS micro service (ADR-32): ``nats micro ls|info|stats|ping`` show it fully.

nats-py's own runs the requests of an endpoint one after another and counts what it spawns as instant; here each request
is a task of its own, bounded in number, and the statistics tell the time it really took.
Specification: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import msgspec

from wire.answers import is_inbox
from wire.bus import Link, Received, Subscription
from wire.errors import BrambleError, BusError, InternalError, NoCapacityError

QUEUE = "q"
MAX_TASKS = 256
MAX_BYTES = 64 << 20
"""Of all requests under way together: as many of the largest as there may be would take 2 GiB. One is always taken."""

MAX_LATE = 64
"""Refusals that wait for a connection that is away or full."""

BACK_S = 5.0
"""For so long an error waits for the connection to come back; most who ask have given up by then."""

BUSY_MS = 100
"""When to ask again where so many are asking: a guess at how fast requests end."""

_log = logging.getLogger("bramble.service")


@dataclass(frozen=True, slots=True)
class Reply:
    """An endpoint's answer."""

    payload: bytes
    headers: dict[str, str] = field(default_factory=dict)
    remark: str = ""  # for the record, not for whoever asked


EndpointHandler = Callable[[Received], Awaitable[Reply | None]]
"""Returns None where whoever sent the request is to hear nothing."""


@dataclass(slots=True)
class Endpoint:
    """One endpoint: its subject, its handler and its statistics."""

    name: str
    subject: str
    handler: EndpointHandler
    metadata: dict[str, str]
    requests: int = 0
    errors: int = 0
    last_error: str = ""
    processing_ns: int = 0

    def info(self) -> dict[str, Any]:
        """Return the endpoint's part of an INFO answer."""
        return {"name": self.name, "subject": self.subject, "queue_group": QUEUE, "metadata": self.metadata}

    def stats(self) -> dict[str, Any]:
        """Return the endpoint's part of a STATS answer; times in nanoseconds."""
        return {
            "name": self.name,
            "subject": self.subject,
            "queue_group": QUEUE,
            "num_requests": self.requests,
            "num_errors": self.errors,
            "last_error": self.last_error,
            "processing_time": self.processing_ns,
            "average_processing_time": self.processing_ns // self.requests if self.requests else 0,
        }


class Service:
    """A service with its endpoints. Add them, then :meth:`start`; :meth:`stop` waits for what is under way.

    Requests whose answer is wanted elsewhere than in an inbox are left alone: a service may say things in places where
    its askers may not.
    """

    def __init__(self, link: Link, *, name: str, version: str, description: str, metadata: dict[str, str]) -> None:
        self._link = link
        self._note_foreign: Callable[[Received], None] = lambda _: None
        self._identity = {"name": name, "id": token_hex(11).upper(), "version": version, "metadata": metadata}
        self._description = description
        self._endpoints: list[Endpoint] = []
        self._subscriptions: list[Subscription] = []
        self._tasks: dict[asyncio.Task[None], int] = {}  # what is under way, and its bytes
        self._held = 0  # bytes
        self._late: set[asyncio.Task[None]] = set()  # refusals that wait for the connection
        self._started = datetime.now(UTC)

    def add_endpoint(
        self, name: str, subject: str, handler: EndpointHandler, *, metadata: dict[str, str] | None = None
    ) -> None:
        """Add an endpoint; ``handler`` raises a :class:`BrambleError` to answer with an error."""
        self._endpoints.append(Endpoint(name, subject, handler, metadata or {}))

    def call_on_foreign(self, note: Callable[[Received], None]) -> None:
        """Have ``note`` told of requests that are left alone; it must not wait for anything."""
        self._note_foreign = note

    async def start(self) -> None:
        """Listen."""
        name, ident = self._identity["name"], self._identity["id"]
        for verb, answer in (("PING", self._ping), ("INFO", self._info), ("STATS", self._stats)):
            for subject in (f"$SRV.{verb}", f"$SRV.{verb}.{name}", f"$SRV.{verb}.{name}.{ident}"):
                self._subscriptions.append(await self._link.subscribe(subject, self._tell(answer)))
        for endpoint in self._endpoints:
            self._subscriptions.append(await self._link.take(endpoint.subject, self._accept(endpoint), queue=QUEUE))
        self._started = datetime.now(UTC)

    async def stop(self, *, within: float = 5.0) -> None:
        """Stop listening and give what is under way ``within`` seconds to end."""
        for subscription in self._subscriptions:
            await subscription.end()
        self._subscriptions.clear()
        if under_way := (*self._tasks, *self._late):
            _, late = await asyncio.wait(under_way, timeout=within)
            for task in late:
                task.cancel()

    def _tell(self, answer: Callable[[], dict[str, Any]]) -> Callable[[Received], Awaitable[None]]:
        async def handle(message: Received) -> None:
            if message.reply and self._is_honest(message):
                await self._link.publish(message.reply, msgspec.json.encode(answer()))

        return handle

    def _accept(self, endpoint: Endpoint) -> Callable[[Received], None]:
        def handle(message: Received) -> None:
            if message.reply and not self._is_honest(message):
                return
            size = len(message.data)
            if len(self._tasks) >= MAX_TASKS or (self._held and self._held + size > MAX_BYTES):
                endpoint.requests += 1
                text = f"{len(self._tasks)} requests of {self._held} bytes are under way"
                busy = NoCapacityError(text, remedy="try again later", retry_after_ms=BUSY_MS)
                if not self._turn_away(endpoint, message, busy):
                    self._put_off(endpoint, message, busy)
                return
            task = asyncio.create_task(self._serve(endpoint, message), name=f"serve-{endpoint.name}")
            self._tasks[task] = size
            self._held += size
            task.add_done_callback(self._forget)

        return handle

    def _is_honest(self, message: Received) -> bool:
        if is_inbox(message.reply):
            return True
        _log.warning("refused", extra={"action": "serve", "subject": message.subject, "reply": message.reply})
        self._note_foreign(message)
        return False

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._held -= self._tasks.pop(task)

    async def _serve(self, endpoint: Endpoint, message: Received) -> None:
        started = time.perf_counter_ns()
        endpoint.requests += 1
        try:
            reply = await endpoint.handler(message)
        except BrambleError as error:
            await self._refuse(endpoint, message, error)
        except Exception as error:  # noqa: BLE001 - one bad request must not end the service, and must be seen
            _log.exception("a request failed", extra={"action": "serve", "endpoint": endpoint.name})
            await self._refuse(
                endpoint, message, InternalError(f"{type(error).__name__}; the controller's log has more")
            )
        else:
            await self._answer(endpoint, message, reply)
        finally:
            endpoint.processing_ns += time.perf_counter_ns() - started

    async def _answer(self, endpoint: Endpoint, message: Received, reply: Reply | None) -> None:
        if reply is None or not message.reply:
            return
        try:
            await self._link.publish(message.reply, reply.payload, headers=reply.headers)
        except BusError as error:
            endpoint.errors += 1
            endpoint.last_error = f"{error.code}: {error}"
            _log.warning(
                "an answer was lost", extra={"action": "reply", "endpoint": endpoint.name, "error": str(error)}
            )

    async def _refuse(self, endpoint: Endpoint, message: Received, error: BrambleError) -> None:
        """Answer with an error, also where the connection broke over the request: who asked may still wait for it."""
        if not self._turn_away(endpoint, message, error):
            await self._refuse_late(endpoint, message, error)

    def _put_off(self, endpoint: Endpoint, message: Received, error: BrambleError) -> None:
        """Answer with an error once the connection takes it."""
        if len(self._late) >= MAX_LATE:
            _note_lost(endpoint, f"{MAX_LATE} others wait for the connection")
            return
        task = asyncio.create_task(self._refuse_late(endpoint, message, error), name=f"refuse-{endpoint.name}")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _refuse_late(self, endpoint: Endpoint, message: Received, error: BrambleError) -> None:
        try:
            async with asyncio.timeout(BACK_S):
                await self._link.wait_connected()
            await self._link.publish(message.reply, error.to_json(), headers=error_headers(error))
        except (BusError, TimeoutError) as lost:
            _note_lost(endpoint, str(lost) or "the connection did not come back")

    def _turn_away(self, endpoint: Endpoint, message: Received, error: BrambleError) -> bool:
        """Count an error and answer with it; False where the answer would have to wait for the server."""
        endpoint.errors += 1
        endpoint.last_error = f"{error.code}: {error}"
        return not message.reply or self._link.post(message.reply, error.to_json(), headers=error_headers(error))

    def _ping(self) -> dict[str, Any]:
        return {"type": "io.nats.micro.v1.ping_response", **self._identity}

    def _info(self) -> dict[str, Any]:
        return {
            "type": "io.nats.micro.v1.info_response",
            **self._identity,
            "description": self._description,
            "endpoints": [endpoint.info() for endpoint in self._endpoints],
        }

    def _stats(self) -> dict[str, Any]:
        return {
            "type": "io.nats.micro.v1.stats_response",
            **self._identity,
            "started": self._started.isoformat().replace("+00:00", "Z"),
            "endpoints": [endpoint.stats() for endpoint in self._endpoints],
        }


def _note_lost(endpoint: Endpoint, why: str) -> None:
    _log.warning("an error was lost", extra={"action": "reply", "endpoint": endpoint.name, "error": why})


def error_headers(error: BrambleError) -> dict[str, str]:
    """Return ADR-32's error headers, and ours; a header cannot hold line ends."""
    text = " ".join(str(error).split())[:256]
    return {"Nats-Service-Error": text, "Nats-Service-Error-Code": error.code, "Bramble-Error": error.code}
