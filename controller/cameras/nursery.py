"""Where readers come from: the controller's end of the zygote."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack

import msgspec

from controller.cameras.child import ReaderChild, adopt_reader, log_output
from controller.cameras.errors import Fault, FaultKind, SourceFaultError
from controller.cameras.orders import MAX_PACKET, Answer, Order
from controller.cameras.source import Kind
from controller.cameras.spec import ReaderSpec

ANSWER_S = 20.0
"""How long a zygote may take to load what a reader needs: some seconds, on a small machine that is busy."""

CHECK_S = 10.0

_MODULE = "controller.cameras.zygote"
# What a zygote and its readers may know of their parent's environment: they decode hostile bytes and need no secrets.
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
_log = logging.getLogger(__name__)


def reader_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that readers get; numpy's thread pool, which they never use, is kept at one."""
    kept = {name: environment[name] for name in _ENVIRONMENT if name in environment}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class Nursery:
    """Keeps a zygote while there are readers, or may be some soon, and has it fork them. Costs some 40 MB."""

    def __init__(self) -> None:
        self._zygote: _Zygote | None = None
        self._turn = asyncio.Lock()
        self._kinds: frozenset[Kind] = frozenset()
        self._changed = asyncio.Event()
        self._readers = 0

    @property
    def ready(self) -> bool:
        """Whether a zygote lives that was told to load all that is expected."""
        return self._zygote is not None and self._zygote.alive and self._kinds <= self._zygote.loaded

    def expect(self, kinds: Collection[Kind]) -> None:
        """Say of what kinds cameras may come, so that :meth:`run` prepares for them."""
        if self._kinds != (kinds := frozenset(kinds) - {"push"}):
            self._kinds = kinds
            self._changed.set()

    async def run(self) -> None:
        """Be prepared for what is expected, until cancelled."""
        while True:
            self._changed.clear()
            try:
                async with self._turn:
                    await self._prepare()
            except OSError as error:
                _log.warning("not ready for more cameras: %s", error, extra={"action": "nursery"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await self._changed.wait()

    @contextlib.asynccontextmanager
    async def running_reader(self, spec: ReaderSpec, conceal: Callable[[str], str]) -> AsyncIterator[ReaderChild]:
        """Start a reader; on leaving, kill it.

        ``conceal`` takes the source's secrets out of what the process prints to standard error, which is logged.

        Raises:
            SourceFaultError: when no process can be started.

        """
        self._readers += 1
        try:
            async with AsyncExitStack() as stack:
                try:
                    child = await self._start(stack, spec.source.kind, conceal)
                except OSError as error:
                    message = f"no reader process can be started: {error.strerror or error}"
                    remedy = "look at this machine's memory, and at its limits on processes and files"
                    raise SourceFaultError(Fault(FaultKind.INTERNAL, message, remedy)) from error
                child.brief(spec)
                yield child
        finally:
            self._readers -= 1

    async def aclose(self) -> None:
        """End the zygote. Readers that run are their owners' to end."""
        async with self._turn:
            await self._dismiss()

    async def _prepare(self) -> None:
        if self._kinds:
            zygote = await self._wake()
            for kind in self._kinds - zygote.loaded:
                zygote.load(kind)
        elif not self._readers:
            await self._dismiss()

    async def _start(self, stack: AsyncExitStack, kind: Kind, conceal: Callable[[str], str]) -> ReaderChild:
        """Start a reader; whatever happens, the stack undoes what was done.

        One whose start is given up midway finds the other end of its socket closed, and ends.
        """
        with contextlib.ExitStack() as theirs:
            ours, their_end = socket.socketpair()
            stack.callback(ours.close)
            theirs.callback(their_end.close)
            print_end = await log_output(stack, f"reader of {kind}", conceal)
            theirs.callback(os.close, print_end)
            pid, descriptor = await self._fork(kind, their_end.fileno(), print_end)
        return await adopt_reader(stack, pid, descriptor, ours)

    async def _fork(self, kind: Kind, *descriptors: int) -> tuple[int, int]:
        async with self._turn:
            try:
                return await (await self._wake()).fork(kind, descriptors)
            except (ConnectionError, TimeoutError):  # it was killed, or hangs: another one, once
                await self._dismiss()
                return await (await self._wake()).fork(kind, descriptors)

    async def _wake(self) -> _Zygote:
        if self._zygote is None or not self._zygote.alive:
            await self._dismiss()
            stack = AsyncExitStack()
            try:
                self._zygote = await _start_zygote(stack)
            except BaseException:
                await stack.aclose()
                raise
        return self._zygote

    async def _dismiss(self) -> None:
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.stack.aclose()


class _Zygote:
    """A zygote that runs, for one order at a time."""

    def __init__(self, stack: AsyncExitStack, process: Process, wire: socket.socket) -> None:
        self.stack = stack
        self.loaded: frozenset[Kind] = frozenset()
        self._process = process
        self._wire = wire
        self._number = 0

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def load(self, kind: Kind) -> None:
        """Have it load what readers of this kind need; it tells nobody when it has."""
        self._order(kind)

    async def fork(self, kind: Kind, descriptors: Sequence[int]) -> tuple[int, int]:
        """Return the process id of another reader, and a process file descriptor that is the caller's to close.

        Raises:
            OSError: the system has no room for another process.
            ConnectionError: the zygote is gone.
            TimeoutError: it says nothing.

        """
        number = self._order(kind, *descriptors)
        async with asyncio.timeout(ANSWER_S):
            while True:
                answer, received = await self._hear()
                if answer.number == number:
                    break
                for descriptor in received:  # of an order that was given up
                    os.close(descriptor)
        if answer.errno:
            raise OSError(answer.errno, os.strerror(answer.errno))
        (descriptor,) = received
        return answer.pid, descriptor

    def _order(self, kind: Kind, *descriptors: int) -> int:
        self._number += 1
        socket.send_fds(
            self._wire, [msgspec.json.encode(Order(self._number, kind, fork=bool(descriptors)))], descriptors
        )
        self.loaded |= {kind}
        return self._number

    async def _hear(self) -> tuple[Answer, list[int]]:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._wire, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._wire)
        packet, descriptors, _, _ = socket.recv_fds(self._wire, MAX_PACKET, 1, socket.MSG_CMSG_CLOEXEC)
        if not packet:
            raise ConnectionResetError("the process that readers are forked from is gone")
        return msgspec.json.decode(packet, type=Answer), descriptors


async def _start_zygote(stack: AsyncExitStack) -> _Zygote:
    with contextlib.ExitStack() as theirs:
        ours, their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.callback(ours.close)
        theirs.callback(their_end.close)
        ours.setblocking(False)
        print_end = await log_output(stack, "readers' zygote", str)
        theirs.callback(os.close, print_end)
        # The process comes last, so that a cancellation while anything is awaited finds none that nobody stops.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current directory is no place to import from
            "-m",
            _MODULE,
            stdin=their_end.fileno(),
            stdout=DEVNULL,
            stderr=print_end,
            env=reader_environment(os.environ),
            start_new_session=True,
        )
    stack.push_async_callback(_end, process)
    return _Zygote(stack, process, ours)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
