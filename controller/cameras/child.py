"""The parent's end of a reader process: start it, talk to it, and leave nothing of it behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Collection, Mapping

from controller.cameras.errors import Fault, FaultKind, SourceFaultError
from controller.cameras.framing import HEADER, Message, decode_body, decode_header
from controller.cameras.source import Kind
from controller.cameras.spec import CREDIT, ReaderSpec, encode_spec

_log = logging.getLogger(__name__)

_MODULE = "controller.cameras.reader"
_READ_BUFFER = 1024 * 1024  # bytes that asyncio may read ahead; the credits keep it to two pictures
# A process that was killed is gone in milliseconds, unless the kernel holds it (a hung disk or driver).
_REAP_TIMEOUT = 5.0
_OUTPUT_TIMEOUT = 1.0
# What a reader may know of its parent's environment: it decodes hostile bytes and needs none of the secrets.
_ENVIRONMENT = (
    "PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


def reader_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a reader gets; numpy's thread pool, which it never uses, is kept at one."""
    kept = {name: environment[name] for name in _ENVIRONMENT if name in environment}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class ReaderChild:
    """A running reader process."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        """The process id, also of the process group."""
        return self._process.pid

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

    @property
    def alive(self) -> bool:
        """Whether the process runs, as far as is known."""
        return self._process.returncode is None

    def brief(self, spec: ReaderSpec) -> None:
        """Say what to read; once."""
        self._writer.write(encode_spec(spec))

    def grant(self) -> None:
        """Tell the reader that a picture was taken, so that it may send another."""
        if not self._writer.is_closing():
            self._writer.write(CREDIT)

    async def stop(self) -> None:
        """Kill the process group, reap the process and close the socket."""
        if self._process.returncode is None:
            # It leads its own group, and is not reaped yet, so that the id cannot be another's.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._writer.close()
        try:
            async with asyncio.timeout(_REAP_TIMEOUT):
                await self._process.wait()
                with contextlib.suppress(ConnectionError):
                    await self._writer.wait_closed()
        except TimeoutError:
            _log.error(
                "the kernel does not let go of reader process %d", self._process.pid, extra={"action": "reader_stuck"}
            )


RunningReader = Callable[[ReaderSpec, Callable[[str], str]], contextlib.AbstractAsyncContextManager[ReaderChild]]
"""What :func:`running_reader` is."""


@contextlib.asynccontextmanager
async def running_reader(spec: ReaderSpec, conceal: Callable[[str], str]) -> AsyncIterator[ReaderChild]:
    """Start a reader; on leaving, kill it.

    ``conceal`` takes the source's secrets out of what the process prints to standard error, which is logged.

    Raises:
        SourceFaultError: when no process can be started.

    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            child = await start_reader(stack, conceal)
        except OSError as error:
            message = f"no reader process can be started: {error.strerror}"
            remedy = "look at this machine's memory, and at its limits on processes and files"
            raise SourceFaultError(Fault(FaultKind.INTERNAL, message, remedy)) from error
        child.brief(spec)
        yield child


async def start_reader(
    stack: contextlib.AsyncExitStack, conceal: Callable[[str], str], kinds: Collection[Kind] = ()
) -> ReaderChild:
    """Start a reader, which waits to be briefed; whatever happens, the stack undoes what was done.

    What sources of these ``kinds`` need is loaded meanwhile.

    The process comes last, so that a cancellation while anything is awaited finds none that nobody stops.
    """
    with contextlib.ExitStack() as theirs:
        our_end, their_end = socket.socketpair()
        theirs.callback(their_end.close)
        stack.callback(our_end.close)
        printed, print_end = os.pipe()
        theirs.callback(os.close, print_end)
        output = stack.enter_context(os.fdopen(printed, "rb", buffering=0))
        reader, writer = await asyncio.open_connection(sock=our_end, limit=_READ_BUFFER)
        stack.callback(writer.close)
        lines = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), output
        )
        stack.callback(transport.close)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current directory is no place to import from
            "-m",
            _MODULE,
            *kinds,
            stdin=their_end.fileno(),
            stdout=DEVNULL,
            stderr=print_end,
            env=reader_environment(os.environ),
            start_new_session=True,
        )
    printing = asyncio.create_task(_log_output(lines, process.pid, conceal), name=f"camera-stderr-{process.pid}")
    stack.push_async_callback(_finish, printing)
    child = ReaderChild(process, reader, writer)
    stack.push_async_callback(child.stop)
    return child


async def _log_output(lines: asyncio.StreamReader, pid: int, conceal: Callable[[str], str]) -> None:
    """Log what a reader prints (a crash of the interpreter, a library's last words), line by line."""
    while text := await lines.read(4096):
        for line in text.decode("utf-8", "replace").splitlines():
            _log.warning("reader %d: %s", pid, conceal(line), extra={"action": "reader_output"})


async def _finish(printing: asyncio.Task[None]) -> None:
    """Let the last words of a reader that is gone be read."""
    await asyncio.wait({printing}, timeout=_OUTPUT_TIMEOUT)
    printing.cancel()
