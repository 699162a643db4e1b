"""The process that readers are copies of: it has loaded what they need, and is given a socket for each.

To start Python and load FFmpeg takes a second of a small machine's core and some 40 MB; a copy takes milliseconds and
shares that memory. The name is Android's and Chromium's for the same thing. :mod:`multiprocessing` has one, too, which
would load the controller's own main module into every reader.

Run as ``python -m controller.cameras.zygote``; standard input is a sequential-packet socket over which orders come.
It opens no source itself, so that what readers are copies of has seen no bytes from outside.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from controller.cameras.orders import DESCRIPTORS, MAX_PACKET, Answer, Order
from controller.cameras.reader import read_for
from controller.cameras.sources.feed import load

READER_NAME = "camera-reader"
"""What readers are called in lists of processes."""

# Bytes that a reader may allocate: an 8k stream fits, a stream made to fill the machine does not.
_MAX_MEMORY = 2 * 1024**3


class Zygote:
    """Takes the controller's orders, and buries readers that have ended."""

    def __init__(self, controller: socket.socket) -> None:
        self._controller = controller
        self._readers: dict[int, int] = {}  # process ids, by process file descriptor
        self._poll = select.poll()
        self._poll.register(controller, select.POLLIN)

    def run(self) -> None:
        """Go on until the controller is gone, which readers find out by themselves."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._readers:
                    self._bury(descriptor)
                elif not self._obey():
                    return

    def _obey(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._controller, MAX_PACKET, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        if not packet:
            return False
        order = msgspec.json.decode(packet, type=Order)
        load(order.kind)
        if order.fork:
            self._fork(order, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _fork(self, order: Order, descriptors: Sequence[int]) -> None:
        if len(descriptors) < DESCRIPTORS:  # recvmsg(2) leaves out what the limit on open files does not allow
            self._answer(Answer(order.number, errno=errno.EMFILE))
            return
        gc.freeze()  # a collection would write to every object, and so copy its page
        try:
            pid = os.fork()
        except OSError as error:
            self._answer(Answer(order.number, errno=error.errno or errno.EAGAIN))
            return
        if pid == 0:
            self._be_reader(*descriptors)
        try:
            reader = os.pidfd_open(pid)  # it is not buried yet, so that the number is its own
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._answer(Answer(order.number, errno=error.errno or errno.EMFILE))
            return
        self._readers[reader] = pid
        self._poll.register(reader, select.POLLIN)
        self._answer(Answer(order.number, pid), reader)

    def _answer(self, answer: Answer, *descriptors: int) -> None:
        socket.send_fds(self._controller, [msgspec.json.encode(answer)], descriptors)

    def _bury(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        os.waitpid(self._readers.pop(descriptor), 0)
        os.close(descriptor)

    def _be_reader(self, parent: int, printed: int) -> NoReturn:
        """Be the reader from here on, with nothing of the zygote's but its memory."""
        status = 1
        try:
            self._controller.close()
            for other in self._readers:
                os.close(other)
            os.dup2(printed, sys.stderr.fileno())
            os.close(printed)
            Path("/proc/self/comm").write_text(READER_NAME, encoding="ascii")
            read_for(socket.socket(fileno=parent))
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, it is told, and the zygote's own loop is never gone on with
            traceback.print_exc()
        finally:
            # Not sys.exit: at interpreter shutdown a thread may still be inside FFmpeg, and wait for ever.
            sys.stderr.flush()
            os._exit(status)


def main() -> None:
    """Serve the controller at the other end of standard input."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a camera's password
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_MEMORY, _MAX_MEMORY))
    controller = socket.socket(fileno=os.dup(0))
    # Nothing that a library prints or reads may get between the messages.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    Zygote(controller).run()


if __name__ == "__main__":
    main()
