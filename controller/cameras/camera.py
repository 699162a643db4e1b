"""One camera, supervised: its reader runs, is watched, and is started again, until the camera is cancelled."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from controller.cameras.backoff import backoff_for, restart_delay
from controller.cameras.child import ReaderChild, RunningReader
from controller.cameras.errors import BadSourceError, Fault, FaultKind, FramingError, SourceFaultError
from controller.cameras.frame import Frame, FrameNotice
from controller.cameras.framing import Alive, Ended, Gated, Opened, PictureSent, Still, Superseded
from controller.cameras.motion import MotionPolicy
from controller.cameras.pictures import check_jpeg
from controller.cameras.source import RECORDED_KINDS, Source
from controller.cameras.spec import ReaderSpec
from controller.cameras.state import CameraState, Phase, measure_jitter, measure_rate
from controller.cameras.watchdog import Limits, deadline, excused_until

_log = logging.getLogger(__name__)

# A reader that lived so long was well: the next failure begins the backoff anew. A shorter life does not,
# or a camera whose first picture kills its reader would be restarted several times a second for ever.
_HEALTHY_AFTER = 10.0
_RATE_SAMPLES = 256


class Camera:
    """Supervises one source.

    Callbacks run in the event loop, in the order in which the reader reports, and must not block. ``on_state``
    is called when the phase or the reason changes; ``state`` is up to date at any time.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        *,
        motion: MotionPolicy | None,
        fps: float | None,
        max_width: int | None,
        on_frame: Callable[[Frame], None],
        on_gated: Callable[[FrameNotice], None],
        on_superseded: Callable[[FrameNotice], None],
        on_state: Callable[[CameraState], None],
        running: RunningReader,
        limits: Limits | None = None,
    ) -> None:
        self._running = running
        self.name = name
        self._source = source
        self._motion = motion
        self._fps = _lower(fps, source.fps if source.kind not in RECORDED_KINDS else None)
        self._max_width = max_width
        self._on_frame = on_frame
        self._on_gated = on_gated
        self._on_superseded = on_superseded
        self._on_state = on_state
        self._limits = _limits_for(source, limits or Limits())
        self._phase: Phase = "starting"
        self._reason = ""
        self._since = time.time()
        self._frames = 0
        self._restarts = 0
        self._next_seq = 0
        self._last_frame_at: float | None = None
        self._arrivals: deque[float] = deque(maxlen=_RATE_SAMPLES)
        self._last_sign: float | None = None  # monotonic, of this reader's last picture or sign of life
        self._frozen = False  # the source repeats one and the same picture
        self._codec = ""
        self._seen = asyncio.Event()  # pushed sources: set by each picture

    @property
    def state(self) -> CameraState:
        """What is known now."""
        return CameraState(
            phase=self._phase,
            reason=self._reason,
            since=self._since,
            frames=self._frames,
            restarts=self._restarts,
            fps=measure_rate(self._arrivals, time.monotonic()),
            last_frame_at=self._last_frame_at,
            jitter=measure_jitter(self._arrivals, time.monotonic()),
            codec=self._codec,
        )

    async def run(self) -> None:
        """Supervise until cancelled; return only when a recording that does not loop has been played.

        A camera's fault never raises: it is told as state, and the reader is started again.
        """
        self._on_state(self.state)
        if self._source.kind == "push":
            await self._watch_pushes()
            return
        attempt = 0
        while True:
            started = time.monotonic()
            end = await self._run_reader()
            if isinstance(end, Ended):
                self._enter("ended", "the recording was played to its end")
                return
            attempt = 0 if self._last_sign is not None and time.monotonic() - started >= _HEALTHY_AFTER else attempt
            self._enter("blind", str(end))
            await asyncio.sleep(restart_delay(backoff_for(end.kind), attempt, random.random()))  # noqa: S311 - jitter
            attempt += 1
            self._restarts += 1

    def push(self, jpeg: bytes, captured_at: float) -> Frame:
        """Take one picture of a pushed source, and hand it on as a frame, byte for byte.

        Raises:
            BadSourceError: when the source is not ``push:``.
            BadPictureError: when the bytes are not one whole JPEG.

        """
        if self._source.kind != "push":
            raise BadSourceError(
                f"camera {self.name} reads {self._source} and takes no pushed frames",
                remedy="push to a camera whose source is push:",
            )
        width, height = check_jpeg(jpeg)
        frame = Frame(self.name, self._next_seq, captured_at, jpeg, width, height, None)
        self._count(frame.seq, captured_at)
        self._seen.set()
        self._on_frame(frame)
        return frame

    async def _watch_pushes(self) -> None:
        limit = self._source.stall if self._source.stall is not None else self._limits.stall
        while True:
            try:
                async with asyncio.timeout(limit or None):
                    await self._seen.wait()
            except TimeoutError:
                self._enter("blind", f"nobody has pushed a frame for {limit:g} s; check whoever sends them")
                await self._seen.wait()
            self._seen.clear()

    async def _run_reader(self) -> Ended | Fault:
        self._last_sign = None
        self._frozen = False
        spec = ReaderSpec(
            source=self._source,
            first_seq=self._next_seq,
            fps=self._fps,
            max_width=self._max_width,
            motion=self._motion,
            # The watchdog here is to be the first to notice; FFmpeg's own time-outs are the second line.
            io_timeout=max(self._limits.connect, self._limits.stall) + 1.0,
        )
        try:
            async with self._running(spec, self._source.conceal) as child:
                return await self._watch(child)
        except SourceFaultError as error:
            return error.fault

    async def _watch(self, child: ReaderChild) -> Ended | Fault:
        """Wait for the reader's end, or for the silence that makes an end of it."""
        started = excused = time.monotonic()
        following = asyncio.create_task(self._follow(child), name=f"camera-{self.name}")
        try:
            while True:
                now = time.monotonic()
                due = max(excused, deadline(self._limits, started=started, last_sign=self._last_sign))
                if now >= due:
                    fault = self._silence()
                    self._enter("blind", str(fault))  # now, not only when the reader has been reaped
                    return fault
                # Never longer than a stall: the first picture brings the deadline nearer.
                planned = min(due, now + self._limits.stall)
                await asyncio.wait({following}, timeout=planned - now)
                if following.done():
                    return following.result()
                excused = excused_until(planned, time.monotonic())
        finally:
            following.cancel()
            await asyncio.wait({following})

    async def _follow(self, child: ReaderChild) -> Ended | Fault:
        try:
            async for message in child.messages():
                match message:
                    case Ended() | Fault():
                        return message
                    case PictureSent():
                        child.grant()
                        self._send_frame(message)
                    case _:
                        self._take_notice(message)
        except FramingError as error:
            return Fault(FaultKind.READER_DIED, error.message, "it is started again; report this if it persists")
        return Fault(FaultKind.READER_DIED, "the reader process died", "it is started again; see the log for why")

    def _send_frame(self, sent: PictureSent) -> None:
        self._count(sent.seq, sent.captured_at)
        self._on_frame(Frame(self.name, sent.seq, sent.captured_at, sent.jpeg, sent.width, sent.height, sent.motion))

    def _take_notice(self, notice: Opened | Gated | Superseded | Alive | Still) -> None:
        match notice:
            case Gated(seq, captured_at):
                self._count(seq, captured_at)
                self._on_gated(FrameNotice(self.name, seq, captured_at))
            case Superseded(seq, captured_at):
                self._count(seq, captured_at)
                self._on_superseded(FrameNotice(self.name, seq, captured_at))
            case Alive():
                # Before the first picture it proves nothing: a decoder may wait for a key frame for ever.
                if self._last_sign is not None:
                    self._last_sign = time.monotonic()
            case Still(seconds):
                self._judge_stillness(seconds)
            case Opened(codec):
                self._codec = codec
                _log.info("camera %s opened: %s", self.name, codec, extra={"action": "camera_opened"})
            case _:
                assert_never(notice)

    def _silence(self) -> Fault:
        if self._last_sign is None:
            message = f"no picture within {self._limits.connect:g} s of connecting to {self._source}"
        else:
            message = f"no picture from {self._source} for {self._limits.stall:g} s"
        return Fault(FaultKind.TIMEOUT, message, "check that the camera is on, and its cable or Wi-Fi")

    def _judge_stillness(self, seconds: float) -> None:
        self._frozen = seconds > 0
        if self._frozen:
            self._enter(
                "blind",
                f"frozen picture: {self._source} has sent the same one for {seconds:.0f} s; restart the camera",
            )
        else:
            self._enter("live", "")

    def _count(self, seq: int, captured_at: float) -> None:
        now = time.monotonic()
        self._next_seq = max(self._next_seq, seq + 1)
        self._frames += 1
        self._last_frame_at = captured_at
        self._last_sign = now
        self._arrivals.append(now)
        if not self._frozen:
            self._enter("live", "")

    def _enter(self, phase: Phase, reason: str) -> None:
        reason = self._source.conceal(reason)
        if (phase, reason) == (self._phase, self._reason):
            return
        self._phase, self._reason, self._since = phase, reason, time.time()
        level = logging.WARNING if phase == "blind" else logging.INFO
        _log.log(level, "camera %s is %s: %s", self.name, phase, reason, extra={"action": f"camera_{phase}"})
        self._on_state(self.state)


def _lower(one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return min(given, default=None)


def _limits_for(source: Source, limits: Limits) -> Limits:
    return replace(limits, stall=source.stall) if source.stall else limits
