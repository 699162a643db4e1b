"""Runs a camera for a test, keeps all that it says, and waits for what the test expects."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from controller.cameras.camera import Camera
from controller.cameras.frame import Frame, FrameNotice
from controller.cameras.motion import MotionPolicy
from controller.cameras.nursery import Nursery
from controller.cameras.source import parse_source
from controller.cameras.state import CameraState
from controller.cameras.watchdog import Limits

T = TypeVar("T")


@dataclass
class Recorder:
    """What a camera has said so far."""

    frames: list[Frame] = field(default_factory=list)
    gated: list[FrameNotice] = field(default_factory=list)
    superseded: list[FrameNotice] = field(default_factory=list)
    states: list[CameraState] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def phase(self) -> str:
        return self.states[-1].phase if self.states else "none"

    @property
    def reason(self) -> str:
        return self.states[-1].reason if self.states else ""

    @property
    def accounted_seqs(self) -> list[int]:
        """Every frame that was told of, in any of the three ways."""
        notices = [notice.seq for notice in (*self.gated, *self.superseded)]
        return sorted([*notices, *(frame.seq for frame in self.frames)])

    async def until(self, true: Callable[[], bool], within: float) -> None:
        """Wait until the condition holds; it is looked at whenever the camera says something.

        Raises:
            TimeoutError: after ``within`` seconds; says what the camera said.

        """
        try:
            async with asyncio.timeout(within):
                while not true():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            said = f"{len(self.frames)} frames, states {self.states}"
            raise TimeoutError(f"not within {within} s; the camera said: {said}") from None

    async def until_frames(self, more: int, within: float = 15.0) -> None:
        goal = len(self.frames) + more
        await self.until(lambda: len(self.frames) >= goal, within)

    async def until_phase(self, phase: str, within: float = 15.0) -> None:
        await self.until(lambda: self.phase == phase, within)

    def note_into(self, into: list[T]) -> Callable[[T], None]:
        def note(item: T) -> None:
            into.append(item)
            self.changed.set()

        return note


@contextlib.asynccontextmanager
async def recording(
    url: str,
    *,
    motion: MotionPolicy | None = None,
    fps: float | None = None,
    max_width: int | None = None,
    limits: Limits | None = None,
    on_frame: Callable[[Frame], None] | None = None,
) -> AsyncIterator[tuple[Camera, Recorder]]:
    """A running camera and its recorder; cancelled on leaving."""
    recorder = Recorder()
    keep = recorder.note_into(recorder.frames)

    def take(frame: Frame) -> None:
        if on_frame is not None:
            on_frame(frame)
        keep(frame)

    nursery = Nursery()
    camera = Camera(
        "door",
        parse_source(url),
        motion=motion,
        fps=fps,
        max_width=max_width,
        on_frame=take,
        on_gated=recorder.note_into(recorder.gated),
        on_superseded=recorder.note_into(recorder.superseded),
        on_state=recorder.note_into(recorder.states),
        limits=limits,
        running=nursery.running_reader,
    )
    running = asyncio.create_task(camera.run())
    try:
        yield camera, recorder
    finally:
        running.cancel()
        async with asyncio.timeout(10):
            await asyncio.wait({running})
            await nursery.aclose()
        if not running.cancelled():
            running.result()
