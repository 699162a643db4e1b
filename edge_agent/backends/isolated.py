"""A model in a process of its own: when its native code crashes or hangs, that costs a frame and not the agent.

Only bytes that are checked cross the pipe, never pickles: the child has run native code over a file from outside.
The child's side is :mod:`edge_agent.backends.isolated_child`.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_agent.backends.base import BackendMissingError, TensorSpec
from edge_agent.child import command
from edge_agent.trial import describe_exit
from wire.errors import BrambleError, ErrorBody, InternalError, error_from_body
from wire.tensors import decode_tensors, encode_tensors, from_array, to_array

if TYPE_CHECKING:
    from edge_agent.backends.base import Array

LOAD_S = 60.0
RUN_S = 10.0
_END_S = 5.0

_log = logging.getLogger("bramble.agent")


class Loaded(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """The child holds the model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class Failed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """The child could not do it."""

    error: ErrorBody
    missing: bool = False  # the runtime or the device is not there


class Ran(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """The outputs follow, as one more message."""


Reply = Loaded | Failed | Ran


class IsolatedModel:
    """Holds a child that holds the model, and starts it anew after it died.

    Args:
        loader: ``module:function`` that the child calls with the path and the threads.
        path: the artefact.
        threads: of the runtime.

    Raises ModelRejectedError or BackendMissingError as the loader does, InternalError when the child dies or hangs.

    """

    def __init__(self, loader: str, path: Path, *, threads: int) -> None:
        self._command = (loader, str(path), str(threads))
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        loaded = self._start()
        self.inputs = loaded.inputs
        self.outputs = loaded.outputs

    def run(self, tensors: Sequence[Array]) -> list[Array]:
        """Infer once, in the child; start it first if the last frame was its end."""
        if self._child is None:
            self._start()
        reply = self._exchange(encode_tensors([from_array(tensor) for tensor in tensors]), RUN_S)
        if not isinstance(reply, Ran):
            raise self._lose("the child answered out of turn")
        return [to_array(tensor) for tensor in decode_tensors(self._receive(RUN_S))]

    def close(self) -> None:
        """End the child: it goes when its pipe is closed, or is killed."""
        child, self._child = self._child, None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if child is None:
            return
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(_END_S)

    def _start(self) -> Loaded:
        ours, theirs = Pipe()
        with theirs:
            self._child = subprocess.Popen(
                command("edge_agent.backends.isolated_child", str(theirs.fileno()), *self._command),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self._pipe = ours
        try:
            reply = self._exchange(None, LOAD_S)
        except BrambleError:
            self.close()
            raise
        if not isinstance(reply, Loaded):
            raise self._lose("the child answered out of turn")
        return reply

    def _exchange(self, request: bytes | None, within: float) -> Reply:
        """Send a request, if there is one, and return what comes of it."""
        if request is not None and self._pipe is not None:
            try:
                self._pipe.send_bytes(request)
            except OSError as error:
                raise self._lose("the child did not take the frame") from error
        try:
            reply: Reply = msgspec.json.decode(self._receive(within), type=Reply)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._lose(f"the child's answer cannot be read: {error}") from error
        if isinstance(reply, Failed):
            failure = reply.error
            if reply.missing:
                raise BackendMissingError(failure.message, remedy=failure.remedy)
            raise error_from_body(failure)
        return reply

    def _receive(self, within: float) -> bytes:
        if self._pipe is None:
            raise self._lose("the child is gone")
        try:
            if not self._pipe.poll(within):
                raise self._lose(f"the child did not answer within {within:.0f} s")
            return self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lose("the child ended") from error

    def _lose(self, what: str) -> BrambleError:
        """Give up on the child; say how it ended."""
        child = self._child
        if child is not None:
            try:
                child.wait(_END_S / 10)
                what = describe_exit(child.returncode)
            except subprocess.TimeoutExpired:
                child.kill()
        self.close()
        _log.warning("lost the model's process", extra={"action": "isolate", "error": what})
        return InternalError(f"the model's process was lost: {what}", remedy="it is started anew for the next frame")
