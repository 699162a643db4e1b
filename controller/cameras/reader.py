"""The reader process, one a camera: opens the source, decodes, gates, and sends what is newest to the controller.

The controller, at the other end of a stream socket, first sends the spec, then one byte for every picture it has taken;
end of file means that it is gone. A process and not a thread, because a thread that is blocked inside FFmpeg cannot be
freed; how it starts: :mod:`controller.cameras.zygote`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass

from controller.cameras.errors import BadPictureError, Fault, FaultKind, SourceFaultError
from controller.cameras.framing import Alive, Ended, Gated, Message, Still
from controller.cameras.motion import Gray, MotionState, is_still, judge_motion
from controller.cameras.outbox import Candidate, Outbox
from controller.cameras.pacing import FrameLimit, Pace, admit, due_at
from controller.cameras.pictures import Picture
from controller.cameras.sources.feed import Feed, Shot, open_feed
from controller.cameras.spec import CREDITS, LENGTH, MAX_SPEC, ReaderSpec, decode_spec

# A sign of life at least this often while a source goes on, in seconds.
_ALIVE_EVERY = 1.0
# Pictures are compared no oftener, in seconds: a JPEG that goes through as it came has to be decoded for it.
_STILL_EVERY = 1.0
# A source that has given only broken pictures for so long, and so many, is at fault itself.
_BROKEN_SECONDS = 3.0
_BROKEN_PICTURES = 5
# How long the last messages may take to leave.
_LAST_WORDS = 5.0


@dataclass(slots=True)
class Broken:
    """The run of broken pictures since the last good one."""

    since: float
    count: int = 0


class Capture:
    """Takes every shot of a feed through pacing, the frame limit, the stillness check and the motion gate."""

    def __init__(self, spec: ReaderSpec, outbox: Outbox) -> None:
        self._spec = spec
        self._outbox = outbox
        self._seq = spec.first_seq
        self._limit = FrameLimit(1.0 / spec.fps) if spec.fps else None
        self._pace: Pace | None = None
        self._motion: MotionState | None = None
        self._last_gray: Gray | None = None
        self._still_limit = spec.source.frozen_after
        self._still_look_at = float("-inf")
        self._still_since: float | None = None
        self._said_still = False
        self._last_sign = time.monotonic()
        self._broken: Broken | None = None

    def run(self, feed: Feed) -> None:
        """Read the feed to its end.

        Raises:
            SourceFaultError: when the source breaks or gives nothing but broken pictures.

        """
        for shot in feed.shots():
            self._wait_until_due(shot)
            match shot.picture:
                case None:
                    # Skipped on purpose, or a decoder that shows nothing: only the first is life.
                    if self._spec.source.keyframes:
                        self._sign_of_life()
                case BadPictureError() as broken:
                    self._note_broken(broken)
                case picture:
                    self._take(shot, picture)

    def _wait_until_due(self, shot: Shot) -> None:
        if shot.at is None:
            return
        self._pace, due = due_at(self._pace, shot.at, time.monotonic())
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, _ALIVE_EVERY))
            if left > _ALIVE_EVERY:
                self._sign_of_life()

    def _take(self, shot: Shot, picture: Picture) -> None:
        now = time.monotonic()
        if self._limit is not None:
            self._limit, admitted = admit(self._limit, now)
            if not admitted:
                self._sign_of_life()
                return
        # A recorded picture is "captured" when it is due, not when it was read ahead.
        captured_at = shot.captured_at if shot.at is None else time.time()
        motion = None
        looks = self._still_limit is not None and now >= self._still_look_at
        if self._spec.motion is not None or looks:
            try:
                gray = picture.gray()
            except BadPictureError as error:
                self._note_broken(error)
                return
            if looks and self._still_limit is not None:
                self._still_look_at = now + min(_STILL_EVERY, self._still_limit / 4)
                self._watch_stillness(gray, now, self._still_limit)
            if self._spec.motion is not None:
                self._motion, verdict = judge_motion(self._motion, gray, now, self._spec.motion)
                if not verdict.passed:
                    self._say(Gated(self._next_seq(), captured_at))
                    self._broken = None
                    return
                motion = verdict.motion
        earlier = self._outbox.offer(Candidate(self._next_seq(), captured_at, motion, picture))
        self._last_sign = now
        if earlier is None:
            self._broken = None
        else:
            self._note_broken(earlier)

    def _watch_stillness(self, gray: Gray, now: float, limit: float) -> None:
        if not is_still(self._last_gray, gray):
            self._last_gray, self._still_since = gray, now
            if self._said_still:
                self._said_still = False
                self._say(Still(0.0))
        elif self._still_since is not None and now - self._still_since >= limit and not self._said_still:
            self._said_still = True
            self._say(Still(now - self._still_since))

    def _note_broken(self, error: BadPictureError) -> None:
        now = time.monotonic()
        broken = self._broken = self._broken or Broken(since=now)
        broken.count += 1
        if broken.count >= _BROKEN_PICTURES and now - broken.since >= _BROKEN_SECONDS:
            message = f"nothing but broken pictures for {now - broken.since:.0f} s: {error.message}"
            remedy = "check the camera's encoding, and the network for loss"
            raise SourceFaultError(Fault(FaultKind.BAD_PICTURE, message, remedy))

    def _next_seq(self) -> int:
        seq = self._seq
        self._seq += 1
        return seq

    def _sign_of_life(self) -> None:
        if time.monotonic() - self._last_sign >= _ALIVE_EVERY:
            self._say(Alive())

    def _say(self, message: Message) -> None:
        self._outbox.notify(message)
        self._last_sign = time.monotonic()


def read_source(spec: ReaderSpec, outbox: Outbox) -> Message:
    """Open the source and read it to its end; return the last message for the parent."""
    try:
        feed = open_feed(spec)
        try:
            outbox.notify(feed.opened)
            Capture(spec, outbox).run(feed)
        finally:
            feed.close()
    except SourceFaultError as error:
        return error.fault
    except Exception as error:  # noqa: BLE001 - the last line of defence of this process: told, not swallowed
        return Fault(FaultKind.INTERNAL, spec.source.conceal(f"the reader failed: {type(error).__name__}: {error}"))
    return Ended()


def _receive_exactly(parent: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size:
        chunk = parent.recv(size - len(chunks))
        if not chunk:
            raise EOFError
        chunks += chunk
    return bytes(chunks)


def _follow_parent(parent: socket.socket, outbox: Outbox) -> None:
    """Take the parent's credits; end the process with it, even while the main thread is blocked in FFmpeg."""
    while True:
        try:
            taken = parent.recv(64)
        except OSError:
            taken = b""
        if not taken:
            os._exit(0)
        outbox.grant(len(taken))


def read_for(parent: socket.socket) -> None:
    """Read one camera for the controller at the other end, to the end of either."""
    try:
        (length,) = LENGTH.unpack(_receive_exactly(parent, LENGTH.size))
        spec = decode_spec(_receive_exactly(parent, min(length, MAX_SPEC)))
    except EOFError:
        return  # it changed its mind
    outbox = Outbox(parent.sendall, max_width=spec.max_width, credits_at_start=CREDITS)
    threading.Thread(target=_follow_parent, args=(parent, outbox), name="parent", daemon=True).start()
    last_words = read_source(spec, outbox)
    outbox.close(last_words, _LAST_WORDS)
