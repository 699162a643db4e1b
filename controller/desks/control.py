"""What operators ask of the controller: cameras, nodes, the cluster's state. One micro-service endpoint each."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from controller.cameras.probe import probe_source
from controller.cameras.source import parse_source
from controller.catalogue import Catalogue
from controller.desks.door import ControlDoor
from controller.dispatch.sliced import require_detector
from controller.ownership import Ownership
from wire import subjects
from wire.bus import Bucket, Link, Received
from wire.cameras import CameraConfig, SourceReport, SourceRequest
from wire.errors import BadRequestError, NoRespondersError, error_from_json
from wire.headers import FRAME
from wire.ids import JOBS, REQUESTS
from wire.messages import Done, NameRequest, decode, encode
from wire.policies import ServingPolicy
from wire.service import Reply
from wire.status import ClusterStatus

REMOVAL_S = 5.0
COMMAND_S = 5.0

_JSON = {"Content-Type": "application/json"}


class ControlDesk:
    """Carries out operators' requests. Wishes are written to the config bucket; the controller follows that."""

    def __init__(
        self,
        bucket: Bucket,
        link: Link,
        *,
        ownership: Ownership,
        catalogue: Catalogue,
        status: Callable[[], ClusterStatus],
    ) -> None:
        self._bucket = bucket
        self._link = link
        self._ownership = ownership
        self._catalogue = catalogue
        self._status = status

    def register(self, door: ControlDoor) -> None:
        """Add the endpoints."""
        for noun, verb, handler in (
            ("cluster", "status", self._cluster_status),
            ("camera", "add", self._add_camera),
            ("camera", "remove", self._remove_camera),
            ("camera", "test", self._test_camera),
            ("camera", "snapshot", self._snapshot),
            ("node", "drain", self._command_node),
            ("node", "undrain", self._command_node),
            ("model", "policy", self._set_policy),
        ):
            door.add(noun, verb, handler)

    async def _cluster_status(self, _message: Received) -> Reply:
        return Reply(encode(self._status()), _JSON)

    async def _add_camera(self, message: Received) -> Reply:
        config = decode(message.data, CameraConfig)
        if config.camera in (REQUESTS, JOBS):
            raise BadRequestError(
                f"{config.camera!r} stands for pictures that come from no camera", remedy="choose another name"
            )
        source = parse_source(config.url)
        if source.kind == "push" and config.motion:
            raise BadRequestError("pushed pictures have no motion gate", remedy="push only what is to be looked at")
        for model in config.models:
            manifest = self._catalogue.require(model)
            if config.tiles is not None:
                require_detector(manifest)
        if config.ladder and config.ladder.fallback:
            self._catalogue.require(config.ladder.fallback)
        key = subjects.CAMERA_KEY.build(camera=config.camera)
        known = await self._bucket.get(key) is not None
        await self._bucket.put(key, encode(config))
        return _done(f"camera {config.camera} {'changed' if known else 'added'}: {source}")

    async def _remove_camera(self, message: Received) -> Reply:
        name = decode(message.data, NameRequest).name
        key = subjects.CAMERA_KEY.build(camera=name)
        if await self._bucket.get(key) is None:
            raise BadRequestError(f"there is no camera {name!r}", remedy="see `bramble camera list`")
        await self._bucket.delete(key)
        gone = await self._ownership.wait_gone(name, within=REMOVAL_S)
        return _done(f"camera {name} removed" if gone else f"camera {name} is being removed")

    async def _test_camera(self, message: Received) -> Reply:
        request = decode(message.data, SourceRequest)
        source = parse_source(request.url)
        found = await probe_source(source, request.timeout_s)
        report = SourceReport(
            ok=found.fault is None,
            source=found.source,
            codec=found.codec,
            width=found.width,
            height=found.height,
            fps=round(found.measured_fps or found.declared_fps, 2),
            first_frame_s=round(found.first_picture_after, 3),
            problem=found.fault.message if found.fault else "",
            remedy=found.fault.remedy if found.fault else "",
        )
        return Reply(encode(report), _JSON)

    async def _snapshot(self, message: Received) -> Reply:
        name = decode(message.data, NameRequest).name
        picture, frame = await self._ownership.take_snapshot(name)
        return Reply(picture, {"Content-Type": "image/jpeg", FRAME: frame})

    async def _command_node(self, message: Received) -> Reply:
        """Pass it on: nodes hear no people, so that it is on the record whose wish it was."""
        name = decode(message.data, NameRequest).name
        verb = message.subject.rpartition(".")[2]
        subject = subjects.NODE_COMMAND.build(node=name, verb=verb)
        try:
            reply = await self._link.request(subject, b"{}", within=COMMAND_S)
        except NoRespondersError as error:
            raise BadRequestError(
                f"no node {name!r} is connected", remedy="`bramble nodes` lists those that are"
            ) from error
        if refusal := error_from_json(reply.data):
            raise refusal
        return Reply(reply.data, _JSON)

    async def _set_policy(self, message: Received) -> Reply:
        policy = decode(message.data, ServingPolicy)
        self._catalogue.require(policy.model)
        key = subjects.POLICY_KEY.build(model=policy.model)
        if not policy.primary:
            await self._bucket.delete(key)
            return _done(f"all nodes serve {policy.model} alike")
        await self._bucket.put(key, encode(policy))
        return _done(f"{', '.join(policy.primary)} serve {policy.model}; all others stand by")


def _done(text: str) -> Reply:
    return Reply(msgspec.json.encode(Done(text=text)), _JSON)
