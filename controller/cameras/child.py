"""The controller's end of a reader process: talk to it, and leave nothing of it behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable

from controller.cameras.framing import HEADER, Message, decode_body, decode_header
from controller.cameras.spec import CREDIT, ReaderSpec, encode_spec

_log = logging.getLogger(__name__)

_READ_BUFFER = 1024 * 1024  # bytes that asyncio may read ahead; the credits keep it to two pictures
# A process that was killed is gone in milliseconds, unless the kernel holds it (a hung disk or driver).
_END_TIMEOUT = 5.0
_OUTPUT_TIMEOUT = 1.0


class ReaderChild:
    """A running reader process."""

    def __init__(self, pid: int, descriptor: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self._descriptor = descriptor  # of the process: unlike a number, it never is another's
        self._reader = reader
        self._writer = writer

    async def messages(self) -> AsyncIterator[Message]:
        """Every message until the reader closes its end.

        Raises:
            FramingError: when what comes is no message.

        """
        try:
            while True:
                kind, length = decode_header(await self._reader.readexactly(HEADER.size))
                yield decode_body(kind, await self._reader.readexactly(length) if length else b"")
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # it died or was killed; the supervisor knows what that means

    def brief(self, spec: ReaderSpec) -> None:
        """Say what to read; once."""
        self._writer.write(encode_spec(spec))

    def grant(self) -> None:
        """Tell the reader that a picture was taken, so that it may send another."""
        if not self._writer.is_closing():
            self._writer.write(CREDIT)

    async def stop(self) -> None:
        """Kill the process, wait for its end and close the socket."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        self._writer.close()
        try:
            async with asyncio.timeout(_END_TIMEOUT):
                await self._wait_ended()
                with contextlib.suppress(ConnectionError):
                    await self._writer.wait_closed()
        except TimeoutError:
            _log.error("the kernel does not let go of reader process %d", self.pid, extra={"action": "reader_stuck"})

    async def _wait_ended(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, ended.set)  # pidfd_open(2): it can be read once the process has ended
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._descriptor)


RunningReader = Callable[[ReaderSpec, Callable[[str], str]], contextlib.AbstractAsyncContextManager[ReaderChild]]
"""What :meth:`controller.cameras.nursery.Nursery.running_reader` is."""


async def adopt_reader(stack: contextlib.AsyncExitStack, pid: int, descriptor: int, ours: socket.socket) -> ReaderChild:
    """Take over a reader that was forked, with our end of its socket; the stack ends it and closes both."""
    stack.callback(os.close, descriptor)
    reader, writer = await asyncio.open_connection(sock=ours, limit=_READ_BUFFER)
    child = ReaderChild(pid, descriptor, reader, writer)
    stack.push_async_callback(child.stop)
    return child


async def log_output(stack: contextlib.AsyncExitStack, who: str, conceal: Callable[[str], str]) -> int:
    """Return a descriptor to print to, the caller's to close; what is printed is logged until the stack ends."""
    ours, theirs = os.pipe()
    output = stack.enter_context(os.fdopen(ours, "rb", buffering=0))
    try:
        lines = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), output
        )
    except BaseException:
        os.close(theirs)
        raise
    stack.callback(transport.close)
    printing = asyncio.create_task(_log_lines(lines, who, conceal), name=f"output-{who}")
    stack.push_async_callback(_finish, printing)
    return theirs


async def _log_lines(lines: asyncio.StreamReader, who: str, conceal: Callable[[str], str]) -> None:
    """Log what a process prints (a crash of the interpreter, a library's last words), line by line."""
    while text := await lines.read(4096):
        for line in text.decode("utf-8", "replace").splitlines():
            _log.warning("%s: %s", who, conceal(line), extra={"action": "reader_output"})


async def _finish(printing: asyncio.Task[None]) -> None:
    """Let the last words of a reader that is gone be read."""
    await asyncio.wait({printing}, timeout=_OUTPUT_TIMEOUT)
    printing.cancel()
