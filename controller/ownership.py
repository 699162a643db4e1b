"""The cameras that this controller owns, among all that there are: what runs here, and who is asked about the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from controller.fleet import Fleet
from controller.lanes import overlay
from controller.leases.keeper import LeaseKeeper
from controller.peers import Peers
from controller.results.results import Results
from controller.sight import SightKeeper
from wire import subjects
from wire.answers import is_inbox
from wire.bus import Bucket, Link, Received
from wire.cameras import CameraConfig, CameraStatus
from wire.errors import BadRequestError, BusError, InternalError, NoCapacityError, error_from_json
from wire.headers import ERROR, FRAME
from wire.messages import decode, encode
from wire.service import error_headers

SNAPSHOT_S = 5.0

_log = logging.getLogger("bramble.ownership")


class Ownership:
    """Runs the cameras that the leases give to this controller, and answers for all of them."""

    def __init__(
        self,
        controller: str,
        link: Link,
        *,
        keeper: LeaseKeeper,
        fleet: Fleet,
        peers: Peers,
        results: Results,
        sight: SightKeeper,
    ) -> None:
        self._sight = sight
        self._controller = controller
        self._keeper = keeper
        self._fleet = fleet
        self._peers = peers
        self._results = results
        self._link = link
        self._configs: dict[str, CameraConfig] = {}
        self._changed = asyncio.Event()

    @property
    def configs(self) -> tuple[CameraConfig, ...]:
        """All cameras that are configured, by name."""
        return tuple(self._configs[name] for name in sorted(self._configs))

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the cameras that run here, in order."""
        return tuple(sorted(self._fleet.names()))

    def answers_for_unknown(self, camera: str) -> bool:
        """Whether it is for this controller to say that there is no such camera."""
        return self._keeper.plans and camera not in self._configs

    def note_change(self) -> None:
        """Have the cameras held against the leases again."""
        self._changed.set()

    async def follow(self, config: Bucket) -> None:
        """Follow the configured cameras for ever."""
        async for entries in config.follow(subjects.CAMERA_KEY.wildcard()):
            found = {}
            for key, data in entries.items():
                try:
                    camera = decode(data, CameraConfig)
                except BadRequestError as error:
                    _log.error("camera refused", extra={"action": "camera_refused", "key": key, "error": error.message})
                    continue
                found[camera.camera] = camera
            for name in self._configs.keys() - found.keys():
                self._sight.dismiss(name)
            self._configs = found
            self._keeper.set_cameras({name: camera.controller for name, camera in found.items()})
            self.note_change()

    async def run(self) -> None:
        """Run what is to run here, for ever. A camera has stopped before it is given back."""
        await self._sight.known.wait()
        while True:
            await self._changed.wait()
            self._changed.clear()
            mine = self._keeper.cameras()
            await self._fleet.reconcile({name: each for name, each in self._configs.items() if name in mine})
            await self._keeper.give_back(self._fleet.names())

    def look_ahead(self) -> None:
        """Prepare for the cameras that would come here; call it every now and then."""
        self._fleet.expect(self._of_others())

    def _of_others(self) -> Iterator[CameraConfig]:
        """Yield the cameras that another controller runs, and that may come here when it dies."""
        for config in self._configs.values():
            owner = self._keeper.owner(config.camera)
            if owner not in (None, self._controller) and config.controller in (None, self._controller):
                yield config

    def statuses(self) -> tuple[CameraStatus, ...]:
        """Return how all cameras are, by name."""
        own = {each.config.camera: each.status(self._results, self._controller) for each in self._fleet.cameras()}
        others = {name: each for name, each in self._configs.items() if name not in own}
        told = self._peers.cameras(others, {name: self._keeper.owner(name) for name in others})
        found = own | {status.camera: status for status in told}
        return tuple(found[name] for name in sorted(found))

    async def wait_gone(self, name: str, *, within: float) -> bool:
        """Wait until a camera that was removed has ended with all its frames; False when that takes longer."""
        return await self._keeper.wait_free(name, within=within)

    async def take_snapshot(self, name: str) -> tuple[bytes, str]:
        """Return a camera's last answered picture with the result drawn in, as JPEG, and its frame id.

        Raises:
            BrambleError: there is no such camera, no picture yet, or its controller does not answer.

        """
        if name not in self._configs:
            raise BadRequestError(f"there is no camera {name!r}", remedy="see `bramble camera list`")
        if self._fleet.get(name) is not None:
            return await self._draw(name)
        owner = self._keeper.owner(name)
        if owner is None or owner == self._controller:
            raise NoCapacityError(f"no controller has {name} at the moment", remedy="try again in a moment")
        reply = await self._link.request(subjects.CAMERA_SNAPSHOT.build(camera=name), b"", within=SNAPSHOT_S)
        headers = reply.headers or {}
        if ERROR in headers:
            raise error_from_json(reply.data) or InternalError(f"{owner} answered with an error that cannot be read")
        return reply.data, headers.get(FRAME, "")

    async def answer_snapshot(self, message: Received) -> None:
        """Handle ``camera.<camera>.snapshot``, asked by another controller; only the owner answers."""
        fields = subjects.CAMERA_SNAPSHOT.parse(message.subject)
        if fields is None or not is_inbox(message.reply) or not self._keeper.owns(fields["camera"]):
            return
        try:
            picture, frame = await self._draw(fields["camera"])
        except BadRequestError as error:
            await self._link.publish(message.reply, error.to_json(), headers=error_headers(error))
        else:
            await self._link.publish(message.reply, picture, headers={FRAME: frame})

    async def tell(self) -> None:
        """Publish how the own cameras are."""
        for camera in self._fleet.cameras():
            if not self._keeper.owns(camera.config.camera):
                continue
            status = camera.status(self._results, self._controller)
            self._sight.note(status.camera, status.seconds_blind)
            try:
                await self._link.publish(subjects.CAMERA_STATUS.build(camera=status.camera), encode(status))
            except BusError as error:
                _log.warning("a status was lost", extra={"action": "tell_status", "error": error.message})

    async def _draw(self, name: str) -> tuple[bytes, str]:
        last = self._fleet.last_result(name)
        if last is None:
            raise BadRequestError(f"no picture of {name} has been answered yet", remedy="try again in a moment")
        capture, result = last
        return await asyncio.to_thread(overlay.draw, capture.payload, result), capture.frame
