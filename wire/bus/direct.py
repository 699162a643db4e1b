"""nats-py's client with a short way for what there is much of: frames out, messages in, answers to requests.

Connecting, reconnecting, JetStream and ordinary subscriptions are nats-py's. A message's way there is a queue, a task
and a future at either end; here a message is written to the socket as it is published, and handed over as it is read.
Whatever cannot go the short way, such as what is published while the server is away, goes nats-py's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from nats.aio.client import Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import (
    BadHeaderError,
    BadSubjectError,
    ConnectionDrainingError,
    MaxPayloadError,
    ProtocolError,
    UnexpectedEOF,
)
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from wire import subjects
from wire.answers import find_node
from wire.bus.protocol import Delivered, MalformedError, Publication, Said, is_subject, read_headers, write_publication
from wire.bus.tether import Tether
from wire.bus.transport import SocketTransport
from wire.context import ANONYMOUS

TOKEN_BYTES = 8
"""Of randomness in an answer's address: whoever has seen one request's cannot guess the next one's."""

_SCHEMES = ("nats", "tls")

_log = logging.getLogger("bramble.bus")

Take = Callable[[Msg], None]


class DirectClient(Client):
    """A client whose messages take the short way where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: WeakSet[SocketTransport] = WeakSet()  # those that may still be open among them
        self._takers: dict[int, Take] = {}  # by subscription
        self._asked: dict[str, tuple[str, asyncio.Future[Msg]]] = {}  # by token: the subject, and who waits
        self._answers = ""  # where answers come in, up to the token
        self._box: tuple[str, str] | None = None  # where those of nodes do, before and behind the node's name
        self.user = ANONYMOUS
        self.tether = Tether()  # of what waits for the server's own answers

    def post(self, *publications: Publication) -> bool:
        """Publish at once, in order, from any thread; False, and nothing is sent, where that would have to wait.

        Raises:
            MaxPayloadError: a payload is above the server's limit.
            BadSubjectError, BadHeaderError: the server would take it for something else.

        """
        transport = self._transport
        if not isinstance(transport, SocketTransport):
            return False
        if self._pending or not self.is_connected or self.is_draining:
            return False
        pieces: list[bytes] = []
        for each in publications:
            if len(each.payload) > self._max_payload:
                raise MaxPayloadError
            if not is_subject(each.subject) or (each.reply and not is_subject(each.reply)):
                raise BadSubjectError
            try:
                pieces += write_publication(each)
            except ValueError as error:
                raise BadHeaderError(str(error)) from error
        return transport.send(pieces)

    async def take(self, subject: str, take: Take, *, queue: str = "") -> Subscription:
        """Subscribe, and have every message handed over as it is read; ``take`` must not wait for anything."""

        async def handle(message: Msg) -> None:  # of one that came before the next line
            take(message)

        found = await self.subscribe(subject, queue=queue, cb=handle)
        self._takers[found._id] = take  # noqa: SLF001 - nats-py shows it nowhere else
        return found

    def refuse(self, subject: str, why: Callable[[str], Exception]) -> bool:
        """Let those who wait for an answer from a subject, in lower case, have an error; False where nobody does."""
        found = [(asked, answer) for asked, answer in self._asked.values() if asked.lower() == subject]
        for asked, answer in found:
            if not answer.done():
                answer.set_exception(why(asked))
        return bool(found)

    async def _request_new_style(
        self,
        subject: str,
        payload: bytes,
        timeout: float = 1,  # noqa: ASYNC109 - nats-py's signature
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        if self.is_draining_pubs:
            raise ConnectionDrainingError
        loop = asyncio.get_running_loop()
        token = secrets.token_hex(TOKEN_BYTES)
        reply = await self._address(find_node(subject)) + token
        answer: asyncio.Future[Msg] = loop.create_future()
        timer = loop.call_later(timeout, _expire, answer)
        self._asked[token] = (subject, answer)
        try:
            if not self.post(Publication(subject, payload, headers, reply)):
                await self.publish(subject, payload, reply, headers)
            return await answer
        finally:
            timer.cancel()
            del self._asked[token]

    async def _address(self, node: str) -> str:
        """Return where an answer is to come in, up to the token: nodes answer in a box of its own, under their name."""
        if not node:
            if not self._answers:
                await self._init_request_sub()
            return self._answers
        if self._box is None:
            connection = secrets.token_hex(TOKEN_BYTES)
            begin = subjects.ANSWER.pattern.partition("{node}")[0].format(user=self.user)
            self._box = begin, f".{connection}."
            await self.take(f"{begin}*.{connection}.*", self._take_answer)
        begin, end = self._box
        return f"{begin}{node}{end}"

    async def _init_request_sub(self) -> None:
        self._answers = f"{self.new_inbox()}."
        await self.take(f"{self._answers}*", self._take_answer)

    def _take_answer(self, message: Msg) -> None:
        asked = self._asked.get(message.subject.rpartition(".")[2])
        if asked is not None and not asked[1].done():
            asked[1].set_result(message)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._takers.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _connect_to_server(self, s: Srv) -> None:
        if s.uri.scheme not in _SCHEMES:
            raise NatsError(f"nats: {s.uri.scheme}:// is not spoken here, only nats:// and tls://")
        s.last_attempt = time.monotonic()
        transport = SocketTransport()
        self._transport = transport
        self._opened.add(transport)
        await transport.connect(s.uri, 0, self.options["connect_timeout"])

    async def _process_op_err(self, e: Exception) -> None:
        await super()._process_op_err(e)
        if not self.is_connected:
            self.tether.cut()

    async def _read_loop(self) -> None:
        transport = self._transport
        assert isinstance(transport, SocketTransport)  # there are no others
        transport.follow(self._take_message)
        try:
            while not (self.is_closed or self.is_reconnecting):
                heard = await transport.next()
                if heard is None:
                    error = UnexpectedEOF()
                    await self._error_cb(error)
                    await self._process_op_err(error)
                    return
                await self._handle(heard)
        except MalformedError as error:
            _log.warning("the server is not understood", extra={"action": "read", "error": str(error)})
            await self._process_op_err(ProtocolError())
        except OSError as error:
            await self._process_op_err(error)
        except Exception as error:  # noqa: BLE001 - a reader that ends silently would leave a deaf connection
            _log.exception("reading failed", extra={"action": "read"})
            await self._process_op_err(error)

    async def _handle(self, heard: Delivered | Said) -> None:
        """Do what nats-py does with what it reads."""
        match heard:
            case Delivered():
                await self._process_msg(heard.sid, heard.subject, heard.reply, heard.payload, heard.headers)
            case Said(b"PING"):
                await self._process_ping()
            case Said(b"PONG"):
                await self._process_pong()
            case Said(b"-ERR"):
                await self._process_err(heard.rest.decode(errors="replace").lower())
            case Said(b"INFO"):
                await self._process_info(_read_info(heard.rest))
            case Said(b"+OK"):
                pass
            case _:
                raise MalformedError(f"{heard.verb[:20]!r} is no word of the protocol")

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():  # nobody waits for it any more: nats-py would fail over it
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        return read_headers(headers) if headers else None

    def _take_message(self, message: Delivered) -> bool:
        take = self._takers.get(message.sid)
        if take is None:
            return False
        try:
            found = self._build_message(
                message.sid, message.subject, message.reply, message.payload, read_headers(message.headers)
            )
            take(found)
        except Exception:  # noqa: BLE001 - one bad message must not end the connection, and must be seen
            _log.exception("a handler failed", extra={"action": "handle_message"})
        return True


def _expire(answer: asyncio.Future[Msg]) -> None:
    if not answer.done():
        answer.set_exception(NatsTimeoutError())


def _read_info(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise MalformedError(f"INFO is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise MalformedError("INFO is no object")
    return found
