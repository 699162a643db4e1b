"""What the other controllers say: their duties, their ledgers and their cameras, so that any one can answer for all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from wire import subjects
from wire.bus import Received
from wire.cameras import CameraConfig, CameraStatus
from wire.errors import BadRequestError
from wire.messages import Counts, decode
from wire.redact import redact_url
from wire.status import ControllerStatus

LOST = "controller_lost"
"""How the frames ended that were open when their controller died."""

SILENT_S = 3.0
FORGET_S = 3600.0

S = TypeVar("S", CameraStatus, ControllerStatus)

_log = logging.getLogger("bramble.peers")


@dataclass(frozen=True, slots=True)
class Heard(Generic[S]):
    """A status and when it came, by a steady clock."""

    status: S
    at: float


class Peers:
    """The latest word of each other controller, and on each camera."""

    def __init__(self, own: str, clock: Callable[[], float]) -> None:
        self._own = own
        self._clock = clock
        self._controllers: dict[str, Heard[ControllerStatus]] = {}
        self._cameras: dict[str, Heard[CameraStatus]] = {}

    async def take_controller(self, message: Received) -> None:
        """Handle ``controller.<controller>.status``."""
        fields = subjects.CONTROLLER_STATUS.parse(message.subject)
        try:
            status = decode(message.data, ControllerStatus)
        except BadRequestError as error:
            _log.warning("status refused", extra={"action": "status", "error": error.message})
            return
        if fields and fields["controller"] == status.controller != self._own:
            self._controllers[status.controller] = Heard(status, self._clock())

    async def take_camera(self, message: Received) -> None:
        """Handle ``camera.<camera>.status``."""
        fields = subjects.CAMERA_STATUS.parse(message.subject)
        try:
            status = decode(message.data, CameraStatus)
        except BadRequestError as error:
            _log.warning("status refused", extra={"action": "status", "error": error.message})
            return
        if fields and fields["camera"] == status.camera and status.controller != self._own:
            self._cameras[status.camera] = Heard(status, self._clock())

    def controllers(self, live: Iterable[str]) -> tuple[ControllerStatus, ...]:
        """Return the others by name; those not ``live`` with the accounts that their death has closed."""
        now = self._clock()
        self._controllers = {name: each for name, each in self._controllers.items() if now - each.at < FORGET_S}
        there = set(live)
        return tuple(
            each.status if name in there else close_accounts(each.status)
            for name, each in sorted(self._controllers.items())
        )

    def last_word(self, camera: str) -> Heard[CameraStatus] | None:
        """Return what another controller said last of a camera."""
        return self._cameras.get(camera)

    def cameras(self, configs: Mapping[str, CameraConfig], owners: Mapping[str, str | None]) -> list[CameraStatus]:
        """Return how the cameras are that this controller does not have."""
        now = self._clock()
        self._cameras = {name: each for name, each in self._cameras.items() if name in configs}
        return [judge(config, self._cameras.get(name), owners.get(name), now) for name, config in configs.items()]


def judge(config: CameraConfig, heard: Heard[CameraStatus] | None, owner: str | None, now: float) -> CameraStatus:
    """Return how a camera is, from the last word on it: a camera of which nobody speaks is blind."""
    if heard and owner is not None and now - heard.at < SILENT_S:
        return heard.status
    if owner is None:
        tied = f"; only {config.controller} may have it" if config.controller else ""
        reason = f"no controller has it at the moment{tied}"
    else:
        reason = f"nothing is heard of it from the controller {owner}"
    if heard:
        blind = round(heard.status.seconds_blind + now - heard.at, 1)
        return msgspec.structs.replace(
            heard.status, phase="blind", reason=reason, fps=0.0, controller=owner or "", seconds_blind=blind
        )
    return CameraStatus(
        camera=config.camera,
        source=redact_url(config.url),
        models=config.models,
        phase="blind",
        reason=reason,
        since=0.0,
        fps=0.0,
        frames=0,
        restarts=0,
        counts=Counts(),
        controller=owner or "",
    )


def close_accounts(status: ControllerStatus) -> ControllerStatus:
    """Return the last word of a controller that has died: what was open then has failed."""
    counts = status.counts
    failed = dict(counts.failed)
    if counts.open:
        failed[LOST] = failed.get(LOST, 0) + counts.open
    closed = msgspec.structs.replace(counts, failed=failed, open=0)
    return msgspec.structs.replace(status, counts=closed, liveness="dead", plans=False, cameras=())
