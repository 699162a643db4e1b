"""The reader's way out: notices in order, and one slot for the newest picture, sent when the parent has room."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from controller.cameras.errors import BadPictureError, Fault, FaultKind, SourceFaultError
from controller.cameras.framing import Message, PictureSent, Superseded, encode_message
from controller.cameras.pictures import Picture

# Notices that may wait for a parent that does not read. At 30 a second that is five minutes.
MAX_NOTICES = 10_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that passed the gate and is not encoded yet."""

    seq: int
    captured_at: float  # unix seconds
    motion: float | None
    picture: Picture


class Outbox:
    """Sends from a thread of its own, so that capture never waits for the parent.

    A picture is encoded only once the parent has room for it: what a newer one supersedes costs no encoding.
    ``send`` writes bytes to the parent and may block.
    """

    def __init__(self, send: Callable[[bytes], None], *, max_width: int | None, credits_at_start: int) -> None:
        self._send = send
        self._max_width = max_width
        self._changed = threading.Condition()
        self._credits = credits_at_start
        self._slot: Candidate | None = None
        self._notices: deque[Message] = deque()
        self._last_words: Message | None = None
        self._broken: BadPictureError | None = None
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def notify(self, message: Message) -> None:
        """Queue a notice; it is sent whether or not the parent has room for a picture.

        Raises:
            SourceFaultError: when the parent has not read for minutes.

        """
        with self._changed:
            self._queue(message)

    def offer(self, candidate: Candidate) -> BadPictureError | None:
        """Put a picture into the slot, in place of an older one that is still there.

        Returns what was wrong with an earlier picture that could not be encoded, once.
        """
        with self._changed:
            older, self._slot = self._slot, candidate
            if older is not None:
                self._queue(Superseded(older.seq, older.captured_at))
            self._changed.notify()
            broken, self._broken = self._broken, None
            return broken

    def grant(self, count: int) -> None:
        """The parent has taken so many pictures."""
        with self._changed:
            self._credits += count
            self._changed.notify()

    def close(self, last_words: Message, timeout: float) -> None:
        """Send what is waiting, then the last message; give up after ``timeout`` seconds."""
        with self._changed:
            self._last_words = last_words
            self._changed.notify()
        self._thread.join(timeout)

    def _queue(self, message: Message) -> None:
        if len(self._notices) >= MAX_NOTICES:
            raise SourceFaultError(Fault(FaultKind.INTERNAL, "the controller has stopped reading this camera"))
        self._notices.append(message)
        self._changed.notify()

    def _run(self) -> None:
        try:
            self._send_until_closed()
        except BrokenPipeError:
            return  # the parent is gone, and the thread that follows it ends the process

    def _send_until_closed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
                notices = list(self._notices)
                self._notices.clear()
                candidate = None
                if self._credits > 0 and self._slot is not None:
                    candidate, self._slot = self._slot, None
                    self._credits -= 1
                done = self._last_words is not None and self._slot is None
            for notice in notices:
                self._send(encode_message(notice))
            if candidate is not None:
                self._send_picture(candidate)
            if done and self._last_words is not None:
                self._send(encode_message(self._last_words))
                return

    def _has_work(self) -> bool:
        closing = self._last_words is not None and self._slot is None
        return bool(self._notices) or closing or (self._slot is not None and self._credits > 0)

    def _send_picture(self, candidate: Candidate) -> None:
        try:
            encoded = candidate.picture.encode(self._max_width)
        except BadPictureError as error:
            with self._changed:
                self._credits += 1
                self._broken = error
            return
        self._send(
            encode_message(
                PictureSent(
                    candidate.seq,
                    candidate.captured_at,
                    encoded.width,
                    encoded.height,
                    candidate.motion,
                    encoded.jpeg,
                )
            )
        )
