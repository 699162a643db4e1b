"""Programs that may do much do none of it for whoever asks: NATS lets an asker name any subject for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.desks.door import ControlDoor
from controller.desks.reads import ReadDesk
from tests.integration.access.test_on_record import Reader, recording, thieving
from tests.testing.secured import Secured, start_secured
from wire import subjects
from wire.audit import UNPROVED, Deed
from wire.bus import Bus, Received
from wire.errors import BusError
from wire.permissions import Role
from wire.service import Reply, Service

ELSEWHERE = (
    "$KV.config.cameras.door",
    "results.door.m",
    "$JS.API.STREAM.DELETE.KV_config",
    "control.ann.camera.remove",
)
KEPT = {"cameras.door": b"rtsp://door", "models.m": b"manifest"}


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path, encrypted=True) as secured:
        yield secured


async def keep(record: Reader) -> None:
    config = await record.bus.bucket(subjects.CONFIG_BUCKET)
    for key, value in KEPT.items():
        await config.put(key, value)


async def expect_kept(record: Reader) -> None:
    config = await record.bus.bucket(subjects.CONFIG_BUCKET, create=False)
    assert await config.read_all() == KEPT


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_a_service_answers_into_inboxes_alone_and_whoever_wants_it_otherwise_is_on_the_record(
    secured: Secured, role: Role
) -> None:
    async def infer(_: Received) -> Reply:
        return Reply(b"{}")

    async with (
        recording(secured) as record,
        thieving(secured, "eve", role) as (eve, _),
        Bus.connect(secured.let_in("ann", Role.VIEWER), name="ann") as ann,
    ):
        await keep(record)
        heard: list[str] = []

        async def hear(message: Received) -> None:
            heard.append(message.subject)

        service = Service(record.bus.data, name="bramble", version="1.0.0", description="a service", metadata={})
        service.add_endpoint("infer", subjects.INFER.wildcard(), infer)
        ControlDoor(service, record.recorder.write, record.recorder.note_refusal)
        await service.start()
        await ann.data.subscribe(subjects.RESULTS.wildcard(), hear)
        await ann.data.flush()
        await record.bus.control.subscribe(subjects.CONTROL.wildcard(), hear)
        await record.bus.control.flush()
        await record.bus.data.flush()
        for reply in ELSEWHERE:
            for subject in ("infer.m", "$SRV.PING", "$SRV.INFO.bramble"):
                await eve.publish(subject, b"picture", reply=reply)

        for subject in ("infer.m", "$SRV.PING", "$SRV.INFO.bramble"):
            wanted = f"its answer was wanted elsewhere: {ELSEWHERE[0]!r}"
            await record.expect("access.control", who=UNPROVED, target=subject, detail=wanted)
        answer = await ann.data.request("infer.m", b"picture", within=20.0)
        assert answer.data == b"{}"
        await record.bus.control.flush()
        assert heard == []
        await expect_kept(record)
        await service.stop()


async def test_what_is_stored_is_read_for_a_node_into_its_own_inbox_and_not_destroyed_in_its_name(
    secured: Secured,
) -> None:
    async with (
        recording(secured) as record,
        thieving(secured, "pi2", Role.AGENT) as (thief, _),
        Bus.connect(secured.let_in("pi3", Role.AGENT), name="agent", asks_controllers=True) as agent,
    ):
        await keep(record)
        with pytest.raises(BusError, match="cannot be opened"):  # no controller reads for it yet
            await agent.bucket(subjects.CONFIG_BUCKET, create=False)
        await ReadDesk(record.bus.data, record.recorder.note_refusal).listen()
        await record.bus.data.flush()
        nothing = "read.pi2.DIRECT.GET.KV_config.$KV.config.models.none"  # whose answer would be empty
        for reply in (*ELSEWHERE, "_INBOX_pi3.x"):
            await thief.publish(nothing, b"", reply=reply)

        wanted = f"its answer was wanted elsewhere: {ELSEWHERE[0]!r}"
        await record.expect("access.control", who=UNPROVED, target=nothing, detail=wanted)
        own = await agent.bucket(subjects.CONFIG_BUCKET, create=False)
        assert await anext(own.follow("models.*")) == {"models.m": b"manifest"}
        assert await own.get("models.none") is None
        await expect_kept(record)


async def test_nothing_is_changed_for_who_asks_to_read(bus: Bus) -> None:
    """A server with users lets nobody ask that; where there are none, the controller does not do it either."""
    noted: list[Deed] = []
    there = asyncio.Event()

    def note(deed: Deed) -> None:
        noted.append(deed)
        there.set()

    await (await bus.bucket(subjects.CONFIG_BUCKET)).put("models.m", b"manifest")
    await ReadDesk(bus.data, note).listen()
    await bus.data.flush()

    await bus.control.publish("read.anonymous.STREAM.DELETE.KV_config", reply="_INBOX.here.1")

    async with asyncio.timeout(20.0):
        await there.wait()
    assert [deed.target for deed in noted] == ["read.anonymous.STREAM.DELETE.KV_config"]
    assert await (await bus.bucket(subjects.CONFIG_BUCKET, create=False)).get("models.m") == b"manifest"
