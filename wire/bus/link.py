"""One connection to NATS: publish, request, subscribe; every wait bounded, every error typed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription as NatsSubscription

from wire.bus.client import (
    ROLES_REMEDY,
    GuardedClient,
    find_violation,
    is_slow_consumer,
    is_unknown_user,
    open_client,
    refuse_user,
)
from wire.bus.protocol import MALFORMED, Publication
from wire.bus.tether import BrokenTetherError
from wire.context import ANONYMOUS, Context
from wire.errors import (
    AnswerTimeoutError,
    BadRequestError,
    BrambleError,
    BusError,
    NoRespondersError,
    NotAuthorisedError,
    TooLargeError,
)
from wire.redact import redact_url
from wire.subjects import READ, STORE_API

MAX_REFUSALS = 256
"""So many subjects that were refused are told apart; more are told again."""

PUBLISH_S = 2.0
"""With more on its way than the client may hold, a publish waits for a server that may have died unnoticed."""

CLOSE_S = 2.0

_log = logging.getLogger("bramble.bus")


class Received(Protocol):
    """A message as it came in."""

    @property
    def subject(self) -> str:
        """Where it was sent."""

    @property
    def reply(self) -> str:
        """Where the answer goes; empty when none is wanted."""

    @property
    def headers(self) -> dict[str, str] | None:
        """Its headers."""

    @property
    def data(self) -> bytes:
        """Its payload."""


Handler = Callable[[Received], Awaitable[None]]
Taker = Callable[[Received], None]


def check_headers(message: Received) -> dict[str, str]:
    """Return the message's headers.

    Raises:
        BadRequestError: they could not be read.

    """
    headers = message.headers or {}
    if MALFORMED in headers:
        raise BadRequestError("the headers cannot be read", remedy="send lines of `Name: value` in UTF-8")
    return headers


class Subscription:
    """A subscription that can be ended."""

    def __init__(self, inner: NatsSubscription) -> None:
        self._inner = inner

    async def end(self, *, drain: bool = False) -> None:
        """Stop receiving; with ``drain`` handle first what has already come in."""
        try:
            await (self._inner.drain() if drain else self._inner.unsubscribe())
        except (nats.errors.ConnectionClosedError, nats.errors.BadSubscriptionError):
            _log.debug("the subscription had ended", extra={"action": "unsubscribe"})


class Link:
    """One connection. Make it with :meth:`open`; close it with :meth:`close`."""

    def __init__(self, where: str = "", *, user: str = ANONYMOUS, asks_controllers: bool = False) -> None:
        self._where, self.user = where, user
        # What questions about the store begin with. Where all are anonymous there may be no controller to ask.
        self.api = f"{READ}.{user}" if asks_controllers and user != ANONYMOUS else STORE_API
        self._client: GuardedClient
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_end: list[Callable[[], None]] = []
        self._refused_subjects: set[tuple[str, str]] = set()
        self._refused_subscription = ""
        self._closing = False
        self._ending: asyncio.Task[None] | None = None
        self.ended: BrambleError | None = None
        """Why the link is closed for good: the server does not know this user any more, or would have none of it."""
        self.slow_consumers = 0  # messages that the client threw away because a handler was too slow

    @classmethod
    async def open(cls, context: Context, *, name: str, asks_controllers: bool = False) -> Link:
        """Connect; ``asks_controllers`` where we may not ask the server itself about what it stores.

        Raises:
            NotAuthorisedError: the server refused the user.
            BusError: no server could be reached.

        """
        link = cls(redact_url(context.url), user=context.user_name, asks_controllers=asks_controllers)
        link._client = await open_client(
            context,
            name=name,
            on_error=link._note_error,
            on_disconnect=link._note_disconnect,
            on_reconnect=link._note_reconnect,
            on_close=link._note_close,
        )
        return link

    @property
    def client(self) -> Client:
        """nats-py's own client, for the other modules of this package."""
        return self._client

    @property
    def connected(self) -> bool:
        """Whether the server can be spoken to now."""
        return bool(self._client.is_connected)

    @property
    def max_payload(self) -> int:
        """The largest payload that the server takes, in bytes."""
        return int(self._client.max_payload)

    def call_on_reconnect(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called after every reconnection."""
        self._on_reconnect.append(callback)

    async def wait_connected(self) -> None:
        """Wait until the server can be spoken to, however long that takes."""
        back = asyncio.Event()
        self._on_reconnect.append(back.set)
        try:
            while not self.connected:
                back.clear()
                await back.wait()
        finally:
            self._on_reconnect.remove(back.set)

    def call_on_end(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called when the link is closed for good, though nobody asked; ``ended`` says why."""
        self._on_end.append(callback)

    @asynccontextmanager
    async def unbroken(self) -> AsyncIterator[None]:
        """Ask the server itself, within the body of an ``async with``: nothing there outlasts the connection.

        Raises:
            BusError: the connection is down, or broke meanwhile; whether the server did what it was asked is not known.

        """
        self._require_connected()
        try:
            async with self._client.tether.hold():
                yield
        except BrokenTetherError as error:
            raise BusError(
                "the connection to the NATS server broke, and its answer is lost",
                remedy="it comes back by itself: try again",
            ) from error

    async def publish(
        self, subject: str, payload: bytes = b"", *, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Hand a message to the connection.

        Raises:
            TooLargeError: the payload is above the server's limit.
            BusError: the connection is gone, or 2 MiB already wait for it to come back.

        """
        if self.post(subject, payload, headers=headers, reply=reply):
            return
        try:
            async with asyncio.timeout(PUBLISH_S):
                await self._client.publish(subject, payload, reply, dict(headers) if headers else None)
        except TimeoutError as error:
            raise BusError(f"the NATS server takes nothing: publishing on {subject} waited {PUBLISH_S:g} s") from error
        except nats.errors.Error as error:
            raise self._explain(error, subject, payload) from error

    def post(
        self, subject: str, payload: bytes = b"", *, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> bool:
        """Send a message now; False, and nothing sent, where it would have to wait: then :meth:`publish` does.

        Any thread may call it, and :meth:`post_all`.

        Raises:
            TooLargeError: the payload is above the server's limit.

        """
        return self.post_all(Publication(subject, payload, headers, reply))

    def post_all(self, *messages: Publication) -> bool:
        """Send messages now, in order and as one; False, and nothing sent, where they would have to wait.

        Raises:
            TooLargeError: a payload is above the server's limit.

        """
        try:
            return self._client.post(*messages)
        except nats.errors.Error as error:
            largest = max(messages, key=lambda each: len(each.payload))
            raise self._explain(error, largest.subject, largest.payload) from error

    def _require_connected(self) -> None:
        if not self.connected:
            raise BusError("the connection to the NATS server is down", remedy="it comes back by itself: try again")

    def _explain(self, error: nats.errors.Error, subject: str, payload: bytes) -> BrambleError:
        match error:
            case nats.errors.MaxPayloadError():
                return self._too_large(payload)
            case nats.errors.BadSubjectError() | nats.errors.BadHeaderError():
                return BadRequestError(f"{subject[:80]!r} cannot be published: {error!r}")
            case _:
                return BusError(f"publishing on {subject} failed: {error}")

    def _too_large(self, payload: bytes) -> TooLargeError:
        return TooLargeError(
            f"a payload of {len(payload)} bytes is above the server's limit of {self.max_payload}",
            remedy="send a smaller picture, or raise max_payload on the server",
        )

    async def request(
        self, subject: str, payload: bytes = b"", *, headers: Mapping[str, str] | None = None, within: float
    ) -> Received:
        """Send a request and wait for the first answer.

        Args:
            subject: whom to ask.
            payload: the question.
            headers: its headers.
            within: seconds to wait, at most.

        Raises:
            NoRespondersError: nobody listens; the server says so at once.
            AnswerTimeoutError: nobody answered in time.
            TooLargeError: the payload is above the server's limit.
            NotAuthorisedError: this user may not ask that.
            BusError: the connection is down now.

        """
        self._require_connected()
        if len(payload) > self.max_payload:
            raise self._too_large(payload)
        try:
            given = dict(headers) if headers else None
            answer: Received = await self._client.request(subject, payload, timeout=within, headers=given)
        except nats.errors.NoRespondersError as error:
            raise NoRespondersError(f"nobody listens on {subject}") from error
        except nats.errors.TimeoutError as error:
            raise AnswerTimeoutError(f"no answer on {subject} within {within:.3g} s") from error
        except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
            raise BadRequestError(f"{subject[:80]!r} cannot be asked: {error!r}") from error
        except nats.errors.Error as error:
            raise BusError(f"asking {subject} failed: {error}") from error
        return answer

    async def subscribe(
        self,
        subject: str,
        handler: Handler,
        *,
        queue: str = "",
        max_pending: int = 256,
        max_pending_bytes: int = 32 << 20,
    ) -> Subscription:
        """Have ``handler`` called with every message, one after another.

        What comes in while ``max_pending`` messages or ``max_pending_bytes`` wait is dropped and counted in
        ``slow_consumers``. An exception of the handler is logged and costs only its message.
        """
        inner = await self._client.subscribe(
            subject, queue=queue, cb=handler, pending_msgs_limit=max_pending, pending_bytes_limit=max_pending_bytes
        )
        return Subscription(inner)

    async def take(self, subject: str, handler: Taker, *, queue: str = "") -> Subscription:
        """Have ``handler`` called with every message as it is read, between two turns of the loop.

        It must not wait for anything, and bound by itself what it begins: nothing is ever queued or dropped before it.
        An exception is logged and costs only its message.
        """
        return Subscription(await self._client.take(subject, handler, queue=queue))

    async def flush(self, *, within: float = 2.0) -> None:
        """Wait until the server has taken everything sent so far.

        Raises:
            NotAuthorisedError: it refused a subscription.
            BusError: it did not in that many seconds.

        """
        try:
            await asyncio.wait_for(self._client.flush(max(1, round(within))), within)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusError(f"the NATS server did not take what was sent within {within} s") from error
        if subject := self._refused_subscription:
            self._refused_subscription = ""
            raise NotAuthorisedError(f"this user may not listen to {subject}", remedy=ROLES_REMEDY)

    async def close(self) -> None:
        """Hand over what is still to be sent, and disconnect."""
        self._closing = True
        if self.connected:
            try:
                await self.flush(within=1.0)
            except BusError as error:
                _log.warning("closing with messages unsent", extra={"action": "close", "error": str(error)})
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._client.close()
        except (TimeoutError, OSError) as error:  # it died with much on its way; nats-py writes to the dead socket
            _log.warning("the connection was cut off", extra={"action": "close", "error": repr(error)})
        finally:
            self._client.abort()
            await asyncio.sleep(0)  # the sockets close

    async def _note_error(self, error: Exception) -> None:
        if is_slow_consumer(error):
            self.slow_consumers += 1
            _log.warning("dropped a message", extra={"action": "slow_consumer", "error": str(error)})
        elif violation := find_violation(str(error)):
            self._note_violation(*violation)
        elif is_unknown_user(error):
            self._end(refuse_user(self._where))
        elif isinstance(error, (nats.errors.Error, OSError)):
            _log.warning("bus error", extra={"action": "bus_error", "error": repr(error)})
        else:
            _log.error("a handler failed", extra={"action": "handle_message"}, exc_info=error)

    def _note_violation(self, verb: str, subject: str) -> None:
        if verb == "subscription":
            self._refused_subscription = subject
        if (verb, subject) not in self._refused_subjects:
            if len(self._refused_subjects) >= MAX_REFUSALS:
                self._refused_subjects.clear()
            self._refused_subjects.add((verb, subject))
            _log.error(
                "not permitted",
                extra={"action": "not_permitted", "verb": verb, "subject": subject, "remedy": ROLES_REMEDY},
            )

    def _end(self, why: BrambleError) -> None:
        """Stop for good: asking again and again would not help, and the server's log would fill."""
        if self.ended is not None or self._closing or not hasattr(self, "_client"):
            return  # while the first connection is made, the error is the caller's
        self.ended = why
        _log.error(why.message, extra={"action": "ended", "remedy": why.remedy})
        self._ending = asyncio.create_task(self._client.close(), name="close-ended")
        for callback in self._on_end:
            callback()

    async def _note_close(self) -> None:
        if hasattr(self, "_client"):
            error = self._client.last_error
            unknown = error is not None and is_unknown_user(error)
            said = BusError(f"the NATS server at {self._where} closed the connection: {error}")
            self._end(refuse_user(self._where) if unknown else said)

    async def _note_disconnect(self) -> None:
        if not self._closing:
            _log.warning("disconnected", extra={"action": "disconnect"})

    async def _note_reconnect(self) -> None:
        _log.info("reconnected", extra={"action": "reconnect"})
        for callback in tuple(self._on_reconnect):
            callback()
