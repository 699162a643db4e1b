"""The cameras that run: made to match the configuration, live, without touching those that did not change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from controller.cameras.camera import Camera
from controller.cameras.child import RunningReader
from controller.cameras.frame import Frame, FrameNotice
from controller.cameras.motion import MotionPolicy
from controller.cameras.nursery import Nursery
from controller.cameras.source import Kind, parse_source
from controller.cameras.state import CameraState
from controller.lanes.capture import Capture
from controller.lanes.ladder import Rung
from controller.lanes.lane import Lane
from controller.results.results import Results
from wire import subjects
from wire.bus import Link
from wire.cameras import CameraConfig, CameraStatus
from wire.errors import BrambleError, BusError
from wire.messages import Event, Result, encode

MOTION_EVENT_S = 5.0

LaneMaker = Callable[[CameraConfig, str, Callable[[Capture, Result], None]], Lane]

_log = logging.getLogger("bramble.fleet")


class RunningCamera:
    """One camera, its lanes, and the last picture that a model answered for."""

    def __init__(
        self,
        config: CameraConfig,
        make_lane: LaneMaker,
        clock: Callable[[], float],
        link: Link,
        *,
        owns: Callable[[str], bool],
        seconds_blind: float,
        running: RunningReader,
    ) -> None:
        self.config = config
        self._owns = owns
        self.source = parse_source(config.url)
        self.last: dict[str, tuple[Capture, Result]] = {}
        self.seconds_blind = seconds_blind  # since it was first added
        self._clock = clock
        self._link = link
        self._motion_told_at = float("-inf")
        self._lanes = {model: make_lane(config, model, self._keep) for model in config.models}
        self.camera = Camera(
            config.camera,
            self.source,
            motion=_watch_motion(config),
            fps=config.fps,
            max_width=config.max_width,
            on_frame=self._offer,
            on_gated=self._gate,
            on_superseded=self._supersede,
            on_state=self._note_state,
            running=running,
        )
        self._told: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._run(), name=f"camera-{config.camera}")

    async def close(self) -> None:
        """Stop the reader and end every frame."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @property
    def failure(self) -> BaseException | None:
        """The error that ended this camera, which is a fault of ours."""
        if not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    def add_blindness(self, seconds: float) -> None:
        """Count the time that has passed as blind, if it was."""
        if self.camera.state.phase in ("blind", "starting"):
            self.seconds_blind += seconds

    def status(self, results: Results, controller: str) -> CameraStatus:
        """Return what is known now, as the word of ``controller``; the URL redacted."""
        state = self.camera.state
        return CameraStatus(
            camera=self.config.camera,
            source=str(self.source),
            models=self.config.models,
            phase=state.phase,
            reason=state.reason,
            since=state.since,
            fps=round(state.fps, 2),
            frames=state.frames,
            restarts=state.restarts,
            counts=results.ledger.counts(self.config.camera),
            last_frame_at=state.last_frame_at,
            seconds_blind=round(self.seconds_blind, 1),
            jitter_ms=round(state.jitter * 1e3, 1),
            codec=state.codec,
            controller=controller,
            degraded={
                model: lane.footing.rung.value
                for model, lane in self._lanes.items()
                if lane.footing.rung is not Rung.FULL
            },
        )

    def step_ladders(self, seconds: float) -> None:
        """Judge what the lanes achieved in the last ``seconds``; a blind camera is no reason for a step."""
        if self.camera.state.phase != "live":
            seconds = 0.0
        for lane in self._lanes.values():
            step = lane.footing.step(seconds, self._clock()) if seconds else None
            if step:
                _log.warning(step.text, extra={"action": step.kind, "camera": self.config.camera})
                self._announce(step.kind, step.text)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for model, lane in self._lanes.items():
                tasks.create_task(lane.run(), name=f"lane-{self.config.camera}-{model}")
            tasks.create_task(self.camera.run(), name=f"reader-{self.config.camera}")

    def _capture(self, captured_at: float, payload: bytes) -> Capture:
        return Capture.new(self.config.camera, payload, captured_at=captured_at, arrived=self._clock())

    def _offer(self, frame: Frame) -> None:
        capture = self._capture(frame.captured_at, frame.jpeg)
        for lane in self._lanes.values():
            lane.offer(capture, frame.motion)
        self._tell_motion(frame.motion)

    def _gate(self, notice: FrameNotice) -> None:
        capture = self._capture(notice.captured_at, b"")
        for lane in self._lanes.values():
            lane.gate(capture)

    def _supersede(self, notice: FrameNotice) -> None:
        capture = self._capture(notice.captured_at, b"")
        for lane in self._lanes.values():
            lane.supersede(capture)

    def _keep(self, capture: Capture, result: Result) -> None:
        known = self.last.get(result.model)
        if known is None or known[0].arrived <= capture.arrived:
            self.last[result.model] = (capture, result)

    def _note_state(self, state: CameraState) -> None:
        _log.info(
            "camera %s", state.phase, extra={"action": "camera", "camera": self.config.camera, "reason": state.reason}
        )
        self._announce(state.phase, state.reason or state.phase)

    def _tell_motion(self, motion: float | None) -> None:
        """While no model looks, say at least that something moves; once in a while."""
        lanes = self._lanes.values()
        if motion is None or not any(lane.footing.sees_only(motion) for lane in lanes):
            return
        now = self._clock()
        if now - self._motion_told_at >= MOTION_EVENT_S:
            self._motion_told_at = now
            self._announce("motion", f"{motion:.1%} of the picture changed; no model looks at the moment")

    def _announce(self, kind: str, text: str) -> None:
        task = asyncio.get_running_loop().create_task(self._tell(kind, text), name=f"tell-{self.config.camera}")
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def _tell(self, kind: str, text: str) -> None:
        if not self._owns(self.config.camera):
            return  # another controller speaks for it now
        event = Event(at=time.time(), kind=kind, text=text)
        subject = subjects.CAMERA_EVENT.build(camera=self.config.camera, kind=kind)
        try:
            await self._link.publish(subject, encode(event))
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "tell", "error": str(error)})


def _watch_motion(config: CameraConfig) -> MotionPolicy | None:
    """Return how the reader is to measure motion; for a ladder without a gate it measures and lets all pass."""
    if config.motion:
        motion = config.motion
        return MotionPolicy(threshold=motion.threshold, hold=motion.hold_s, keepalive=motion.keepalive_s)
    return MotionPolicy(keepalive=0.0) if config.ladder else None


class Fleet:
    """All cameras of this controller. ``owns`` tells whether it still may speak for one."""

    def __init__(
        self,
        make_lane: LaneMaker,
        link: Link,
        clock: Callable[[], float],
        *,
        owns: Callable[[str], bool],
        recall_blindness: Callable[[str], float],
    ) -> None:
        self._recall_blindness = recall_blindness
        self._make_lane = make_lane
        self._owns = owns
        self._link = link
        self._clock = clock
        self._running: dict[str, RunningCamera] = {}
        self._nursery = Nursery()
        self._changing = asyncio.Lock()

    async def reconcile(self, configs: Mapping[str, CameraConfig]) -> None:
        """Stop what is not wanted any more or wanted otherwise, then start what is missing."""
        async with self._changing:
            for name, running in list(self._running.items()):
                if configs.get(name) != running.config:
                    await running.close()
                    del self._running[name]
            for name, config in configs.items():
                if name not in self._running:
                    self._start(config)

    async def keep_ready(self) -> None:
        """Be ready for cameras that may come, until cancelled."""
        await self._nursery.run()

    def expect(self, others: Iterable[CameraConfig]) -> None:
        """Say which cameras of others may come."""
        kinds: set[Kind] = set()
        for config in others:
            with contextlib.suppress(BrambleError):  # told when it comes
                kinds.add(parse_source(config.url).kind)
        self._nursery.expect(kinds)

    async def close(self) -> None:
        """Stop all cameras."""
        await self.reconcile({})
        await self._nursery.aclose()

    def get(self, name: str) -> RunningCamera | None:
        """Return a camera that runs."""
        return self._running.get(name)

    def names(self) -> frozenset[str]:
        """Return the names of the cameras that run."""
        return frozenset(self._running)

    def cameras(self) -> tuple[RunningCamera, ...]:
        """Return all cameras, by name."""
        return tuple(self._running[name] for name in sorted(self._running))

    def raise_failures(self) -> None:
        """Raise the error of a camera that a fault of ours has ended, so that it is not blind in silence."""
        for running in self._running.values():
            if failure := running.failure:
                raise failure

    def last_result(self, name: str) -> tuple[Capture, Result] | None:
        """Return a camera's last answered picture with its result, detections before classes; None before the first."""
        running = self._running.get(name)
        if running is None or not running.last:
            return None
        return max(running.last.values(), key=lambda pair: (pair[1].detections is not None, pair[0].arrived))

    def _start(self, config: CameraConfig) -> None:
        try:
            self._running[config.camera] = RunningCamera(
                config,
                self._make_lane,
                self._clock,
                self._link,
                owns=self._owns,
                seconds_blind=self._recall_blindness(config.camera),
                running=self._nursery.running_reader,
            )
        except BrambleError as error:  # checked when it was added; this is for what was written to the bucket by hand
            _log.error(
                "camera refused", extra={"action": "camera_refused", "camera": config.camera, "error": error.message}
            )
