"""What operators ask about models and their versions: one micro-service endpoint each."""

from __future__ import annotations

from controller.catalogue import Catalogue
from controller.desks.door import ControlDoor
from controller.ownership import Ownership
from controller.versions.keeper import VersionKeeper
from controller.versions.record import digest_of
from modelkit.manifest import decode_manifest
from wire import subjects
from wire.bus import BlobStore, Received
from wire.errors import BadRequestError, BusError
from wire.messages import Done, NameRequest, decode, encode
from wire.service import Reply
from wire.versions import VersionRequest

_JSON = {"Content-Type": "application/json"}


class VersionDesk:
    """Answers ``control.<user>.model.<verb>``."""

    def __init__(self, keeper: VersionKeeper, catalogue: Catalogue, ownership: Ownership, blobs: BlobStore) -> None:
        self._keeper = keeper
        self._blobs = blobs
        self._catalogue = catalogue
        self._ownership = ownership

    def register(self, door: ControlDoor) -> None:
        """Add the endpoints."""
        for verb, handler in (
            ("add", self._add),
            ("keep", self._keep),
            ("promote", self._promote),
            ("rollback", self._roll_back),
            ("remove", self._remove),
        ):
            door.add("model", verb, handler)

    async def _add(self, message: Received) -> Reply:
        return _done(await self._keeper.add(message.data, promote=True), await self._remark(message.data))

    async def _keep(self, message: Received) -> Reply:
        return _done(await self._keeper.add(message.data, promote=False), await self._remark(message.data))

    async def _remark(self, data: bytes) -> str:
        """Return what the record says of a model that was added: whose signature it is, the nodes check."""
        name = subjects.SIGNATURE_BLOB.build(manifest=digest_of(decode_manifest(data)))
        try:
            return "" if await self._blobs.has(name) else "not signed"
        except BusError:
            return "it is not known whether it is signed"

    async def _promote(self, message: Received) -> Reply:
        request = decode(message.data, VersionRequest)
        return _done(await self._keeper.promote(request.model, request.version))

    async def _roll_back(self, message: Received) -> Reply:
        return _done(await self._keeper.roll_back(decode(message.data, NameRequest).name))

    async def _remove(self, message: Received) -> Reply:
        name = decode(message.data, NameRequest).name
        self._catalogue.require(name)
        users = [
            each.camera
            for each in self._ownership.configs
            if name in (*each.models, each.ladder and each.ladder.fallback)
        ]
        if users:
            raise BadRequestError(
                f"{name} is used by the cameras {', '.join(users)}", remedy="remove or change those cameras first"
            )
        return _done(await self._keeper.remove(name))


def _done(text: str, remark: str = "") -> Reply:
    return Reply(encode(Done(text=text)), _JSON, remark)
