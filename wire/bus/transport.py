"""The socket under nats-py: what comes in goes straight to the reader of the protocol, without streams between."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Lock, get_ident
from typing import Any, cast
from urllib.parse import ParseResult

from nats.aio.transport import Transport
from nats.errors import ProtocolError

from wire.bus.protocol import MAX_LINE, Delivered, MalformedError, Reader, Said

OPENING_BYTES = 16 << 10
"""Read at a time until the protocol begins."""

ROOM_BYTES = 512 << 10
"""With more than that unsent, messages wait in nats-py's own buffer, which is bounded."""

MAX_UNHEARD = 4096
"""With so many messages not yet handled, no more are read."""

CLOSE_S = 1.0

Take = Callable[[Delivered], bool]
"""Takes a message at once; false leaves it to whoever reads on."""


class SocketTransport(Transport, asyncio.BufferedProtocol):
    """A connection to one server: lines while it is opened, then the protocol.

    Everything but messages that somebody takes at once comes out of :meth:`next`, in order.
    """

    def __init__(self) -> None:
        self._socket: asyncio.Transport | None = None
        self._opening = bytearray(OPENING_BYTES)
        self._begun = b""  # what came before anybody followed
        self._reader: Reader | None = None
        self._take: Take = lambda _message: False
        self._heard: deque[Delivered | Said] = deque()
        self._changed = asyncio.Event()  # something was heard, or the end
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._home = get_ident()
        self._writing = Lock()  # held by whatever thread writes, and while the socket goes
        self._descriptor = -1  # of the socket, where what is written needs no encryption
        self._left = b""  # what another thread could not send all of, until the loop has it

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: float) -> None:  # noqa: ARG002 - nats-py's signature
        """Open the connection."""
        async with asyncio.timeout(connect_timeout):
            await asyncio.get_running_loop().create_connection(lambda: self, uri.hostname or "", uri.port or 0)

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,  # noqa: ARG002 - nats-py's signature
        connect_timeout: float,
    ) -> None:
        """Encrypt the connection from here on."""
        if self._socket is None or self._begun:
            raise ProtocolError  # said before the encryption, to be taken for something said under it
        self._descriptor = -1  # from here on nothing goes past the encryption
        name = uri if isinstance(uri, str) else uri.hostname
        async with asyncio.timeout(connect_timeout):
            self._socket = await asyncio.get_running_loop().start_tls(
                self._socket, self, ssl_context, server_hostname=name
            )

    def follow(self, take: Take) -> None:
        """Read the protocol from here on."""
        self._take = take
        self._reader = reader = Reader()
        begun, self._begun = self._begun, b""
        self._hear(lambda: reader.feed(begun))

    async def next(self) -> Delivered | Said | None:
        """Return what was heard next; None when the connection has ended.

        Raises:
            MalformedError: the server does not speak the protocol.

        """
        while not self._heard:
            if self._failure is not None:
                raise self._failure
            if self._ended.done():
                return None
            self._changed.clear()
            await self._changed.wait()
        found = self._heard.popleft()
        if len(self._heard) == MAX_UNHEARD // 2 and self._socket is not None:
            self._socket.resume_reading()
        return found

    def send(self, pieces: list[bytes]) -> bool:
        """Send all, in order, from any thread; False, and nothing is sent, where that would have to wait.

        From other threads than the loop's only what the socket takes at once, and nothing where it is encrypted.
        """
        socket = self._socket
        if socket is None or socket.is_closing():
            return False
        if get_ident() != self._home:
            return self._send_from_thread(socket, pieces)
        if socket.get_write_buffer_size() >= ROOM_BYTES:
            return False
        self.writelines(pieces)
        return True

    @property
    def encryption(self) -> Any:
        """The connection's ``ssl.SSLObject``; None where it is not encrypted."""
        return self._socket.get_extra_info("ssl_object") if self._socket else None

    def abort(self) -> None:
        """Close at once, and send nothing more."""
        if self._socket is not None:
            self._socket.abort()

    def write(self, payload: bytes) -> None:
        """Send."""
        self.writelines([payload])

    def writelines(self, payload: list[bytes]) -> None:
        """Send all, in order; in the loop's thread.

        Encrypted as one piece: each would become records of its own, which either end pays for, and the server with a
        turn of its reader each. A copy costs less.
        """
        with self._writing:
            if self._socket is None:
                return
            if self._left:
                self._hand_over()
            if self._descriptor < 0 or self._socket.is_closing() or self._socket.get_write_buffer_size():
                self._socket.write(b"".join(payload))
            elif left := self._write_now(payload):
                self._socket.write(left)

    def _send_from_thread(self, socket: asyncio.Transport, pieces: list[bytes]) -> bool:
        with self._writing:
            if self._descriptor < 0 or self._left or socket.get_write_buffer_size():
                return False
            self._left = self._write_now(pieces)
            if self._left:
                self._loop.call_soon_threadsafe(self._write_left)
            return True

    def _write_now(self, pieces: list[bytes]) -> bytes:
        """Write past asyncio, which would copy the pieces into one; return what the socket does not take."""
        try:
            sent = os.writev(self._descriptor, pieces)
        except OSError:  # it is full, or broken, which asyncio finds as well and knows what to do about
            sent = 0
        if sent == sum(map(len, pieces)):
            return b""
        return b"".join(pieces)[sent:]

    def _write_left(self) -> None:
        with self._writing:
            if self._left:
                self._hand_over()

    def _hand_over(self) -> None:
        left, self._left = self._left, b""
        if self._socket is not None:
            self._socket.write(left)

    async def drain(self) -> None:
        """Wait until what was written is on its way, or nobody reads it any more."""
        await self._writable.wait()

    async def read(self, buffer_size: int) -> bytes:
        """Nobody reads bytes here."""
        raise NotImplementedError("what is heard comes out of next()")

    async def readline(self) -> bytes:
        """Return the next line, while the connection is opened; what there is of it when it ends."""
        while b"\n" not in self._begun and not self._ended.done():
            self._changed.clear()
            await self._changed.wait()
        line, end, self._begun = self._begun.partition(b"\n")
        return line + end

    def close(self) -> None:
        """Send what is left, and close."""
        if self._socket is not None:
            self._socket.close()

    async def wait_closed(self) -> None:
        """Wait until it is closed, and cut it off where nobody takes what is left."""
        if self._socket is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self._socket.abort()

    def at_eof(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.done()

    def __bool__(self) -> bool:
        return self._socket is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._socket = cast("asyncio.Transport", transport)  # what a loop makes for a stream, be it asyncio's or not
        self._descriptor = transport.get_extra_info("socket").fileno()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Say where bytes are to go."""
        return memoryview(self._opening) if self._reader is None else self._reader.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came."""
        if self._reader is None:
            self._begin(bytes(self._opening[:nbytes]))
        else:
            self._hear(partial(self._reader.advance, nbytes))

    def eof_received(self) -> None:
        """The server says no more; the socket closes."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended makes no difference
        """The socket is about to be closed, and its descriptor to be something else's."""
        with self._writing:
            self._descriptor = -1
        if not self._ended.done():
            self._ended.set_result(None)
        self._changed.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Much is unsent."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Little is."""
        self._writable.set()

    def _begin(self, data: bytes) -> None:
        self._begun += data
        if len(self._begun) > MAX_LINE:
            self.abort()
        self._changed.set()

    def _hear(self, read: Callable[[], list[Delivered | Said]]) -> None:
        try:
            heard = read()
        except MalformedError as error:
            self._failure = error
            self._changed.set()
            self.abort()
            return
        rest = [each for each in heard if isinstance(each, Said) or not self._take(each)]
        if rest:
            self._heard.extend(rest)
            self._changed.set()
            if len(self._heard) > MAX_UNHEARD and self._socket is not None:
                self._socket.pause_reading()
