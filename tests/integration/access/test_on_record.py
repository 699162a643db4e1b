"""Each attack is refused, stands on the record afterwards, and the frames of others flow on all the while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from cli.access.certificates import CA_FILE, create_ca, issue
from cli.access.enforce import push_account
from cli.local.broker import LOG_FILE
from controller.audit.recorder import Recorder
from controller.desks.door import ControlDoor
from tests.integration.access.conftest import Stream, streaming
from tests.testing.raw_client import RawClient, raw_client
from tests.testing.record import RecordReader
from tests.testing.secured import Secured, read_credentials, start_secured
from wire import subjects
from wire.audit import UNPROVED
from wire.bus import Bus, Link, Received
from wire.context import Context
from wire.errors import BusError, NotAuthorisedError
from wire.identity import write_private
from wire.permissions import Role
from wire.refusals.closed import FAILURE
from wire.refusals.sources import open_sources
from wire.refusals.tail import Tail
from wire.service import Reply, Service

WITHIN_S = 20.0
HERE = "127.0.0.1"

Attack = Callable[[Secured], Awaitable[None]]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path, encrypted=True) as secured:
        yield secured


class Reader(RecordReader):
    """Knows the recorder, too."""

    def __init__(self, bus: Bus, recorder: Recorder) -> None:
        super().__init__(bus)
        self.recorder = recorder


@asynccontextmanager
async def recording(secured: Secured) -> AsyncIterator[Reader]:
    """A controller's recorder, which reads the server's log, for the time of an ``async with``."""
    async with Bus.connect(secured.let_in("recorder", Role.CONTROLLER), name="recorder") as bus:
        recorder = await Recorder.open(bus, "recorder", time.monotonic)
        tls = ssl.create_default_context(cafile=secured.authority.directory / CA_FILE)
        log = await Tail.open(secured.broker.directory / LOG_FILE)
        sources = await open_sources(log, secured.broker.monitor, tls)
        running = asyncio.create_task(recorder.run(*sources))
        try:
            yield Reader(bus, recorder)
        finally:
            running.cancel()
            await asyncio.wait([running])
        assert recorder.lost == 0


async def expect_refusal(context: Context) -> None:
    with pytest.raises((NotAuthorisedError, BusError)):
        await Link.open(context, name="intruder")


async def come_without_credentials(secured: Secured) -> None:
    known = secured.authority.record
    await expect_refusal(Context(url=known.url, ca=known.ca))


async def come_with_a_guessed_password(secured: Secured) -> None:
    known = secured.authority.record
    await expect_refusal(Context(url=known.url, ca=known.ca, user="operator", password="guessed"))


async def try_to_open(context: Context) -> str:
    """Return why it cannot be done; empty where it can."""
    try:
        link = await Link.open(context, name="ann")
    except (BusError, NotAuthorisedError) as error:
        return error.message
    await link.close()
    return ""


async def trust_another_authority(secured: Secured) -> None:
    context = secured.let_in("ann", Role.VIEWER)
    await expect_refusal(msgspec.structs.replace(context, ca=str(create_ca(secured.directory, "other"))))


async def come_in_plain_text(secured: Secured) -> None:
    port = urlsplit(secured.broker.context.url).port
    reader, writer = await asyncio.open_connection(HERE, port)
    try:
        await asyncio.wait_for(reader.readline(), WITHIN_S)
        writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
        with contextlib.suppress(ConnectionError):
            assert b"PONG" not in await asyncio.wait_for(reader.read(), WITHIN_S)
    finally:
        writer.close()


async def speak_tls_1_2(secured: Secured) -> None:
    tls = ssl.create_default_context(cafile=secured.authority.directory / CA_FILE)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    reader, writer = await asyncio.open_connection(HERE, urlsplit(secured.broker.context.url).port)
    try:
        await asyncio.wait_for(reader.readline(), WITHIN_S)
        with pytest.raises(ssl.SSLError):
            await asyncio.wait_for(writer.start_tls(tls, server_hostname=HERE), WITHIN_S)
    finally:
        writer.close()


async def meet_an_expired_certificate(secured: Secured) -> None:
    """The server's ends while it serves; who is in stays in, and who comes does not trust it."""
    context = secured.let_in("ann", Role.VIEWER)
    certificate, key = issue(secured.authority.directory, [HERE], days=0)
    write_private(secured.broker.directory / "server.pem", certificate)
    write_private(secured.broker.directory / "server-key.pem", key)
    os.kill(secured.broker.pid, signal.SIGHUP)
    async with asyncio.timeout(WITHIN_S):
        while "its certificate has expired" not in await try_to_open(context):
            pass  # the server has not read it yet, or is about to: then it knows nobody


async def come_with_a_revoked_key(secured: Secured) -> None:
    context = secured.let_in("ann", Role.VIEWER)
    secured.authority.revoke("ann")
    await push_account(secured.authority)
    await expect_refusal(context)


@pytest.mark.parametrize(
    ("attack", "detail"),
    [
        (come_without_credentials, "authentication error"),
        (come_with_a_guessed_password, "authentication error"),
        (trust_another_authority, "TLS handshake error"),
        (come_in_plain_text, FAILURE),
        (speak_tls_1_2, "TLS handshake error: tls: client offered only unsupported versions"),
        (come_with_a_revoked_key, "authentication error"),
    ],
)
async def test_who_is_not_let_in_is_on_the_record(secured: Secured, attack: Attack, detail: str) -> None:
    async with streaming(secured) as stream, recording(secured) as record:
        await attack(secured)

        await record.expect("access.connect", who=HERE, detail=detail)
        await stream.flows_on()


async def test_a_server_whose_certificate_has_expired_is_refused_and_on_the_record(secured: Secured) -> None:
    """By the controller, too, which reads the same server's monitoring page; who is in stays in."""
    async with streaming(secured, redoes=1) as stream, recording(secured) as record:
        await meet_an_expired_certificate(secured)

        where = urlsplit(secured.broker.monitor).netloc
        why = "the server is not trusted: certificate has expired"
        await record.expect("access.connect", who=HERE, target=where, detail=why)
        await stream.flows_on()


@asynccontextmanager
async def thieving(secured: Secured, name: str, role: Role) -> AsyncIterator[tuple[RawClient, str]]:
    """Somebody who speaks the protocol by hand with a stolen key; gives the key's public half too."""
    context = secured.let_in(name, role)
    user = secured.authority.record.find(name)
    assert user is not None
    tls = ssl.create_default_context(cafile=secured.authority.directory / CA_FILE)
    async with raw_client(context, tls=tls) as raw:
        yield raw, user.public_key


@pytest.mark.parametrize(
    ("action", "command", "target"),
    [
        ("access.publish", "PUB node.pi1.heartbeat 2\r\n{}\r\n", "node.pi1.heartbeat"),
        ("access.publish", "PUB results.door.m 2\r\n{}\r\n", "results.door.m"),
        ("access.publish", "PUB $KV.assignments.pi1 2\r\n{}\r\n", "$KV.assignments.pi1"),
        ("access.publish", "PUB control.hub.camera.remove 2\r\n{}\r\n", "control.hub.camera.remove"),
        ("access.answer", "PUB _INBOX_hub.abc.1 5\r\nagain\r\n", "_INBOX_hub.abc.1"),
        ("access.publish", "PUB answer.hub.pi1.here.1 5\r\nagain\r\n", "answer.hub.pi1.here.1"),
        ("access.publish", "PUB $JS.API.INFO 0\r\n\r\n", "$JS.API.INFO"),
        ("access.publish", "PUB read.pi1.STREAM.INFO.OBJ_models 0\r\n\r\n", "read.pi1.STREAM.INFO.OBJ_models"),
        ("access.subscribe", "SUB infer.pi1.*.* 1\r\n", "infer.pi1.*.*"),
        ("access.subscribe", "SUB _INBOX_hub.> 1\r\n", "_INBOX_hub.>"),
        ("access.subscribe", "SUB > 1\r\n", ">"),
    ],
)
async def test_what_a_stolen_agent_s_key_is_not_for_is_on_the_record_with_its_name_and_key(
    secured: Secured, stream: Stream, action: str, command: str, target: str
) -> None:
    async with recording(secured) as record, thieving(secured, "pi2", Role.AGENT) as (thief, key):
        said = await thief.provoke(command.encode())
        assert len(said) == 1
        assert "Permissions Violation" in said[0]

        await record.expect(action, who="pi2", target=target, detail=key)
        await stream.flows_on()


async def test_an_answer_in_another_s_name_or_inbox_is_refused_and_on_the_record(
    secured: Secured, stream: Stream
) -> None:
    async with (
        recording(secured) as record,
        thieving(secured, "pi2", Role.AGENT) as (agent, key),
        Bus.connect(secured.let_in("hub2", Role.CONTROLLER), name="controller") as controller,
    ):
        assert await agent.provoke(b"SUB infer.pi2.*.* 1\r\n") == []
        work = subjects.WORK.build(node="pi2", model="m", stage="0")
        for reply in ("answer.hub2.pi1.here.1", "_INBOX_hub2.asked.1"):  # though it was asked to, by whoever it was
            await controller.data.publish(work, b"frame", reply=reply)
            await controller.data.flush()
            await agent.await_message()
            assert len(await agent.provoke(f"PUB {reply} 6\r\nforged\r\n".encode())) == 1
        assert await agent.provoke(b"PUB answer.hub2.pi2.here.1 3\r\nown\r\n") == []

        await record.expect("access.publish", who="pi2", target="answer.hub2.pi1.here.1", detail=key)
        await record.expect("access.answer", who="pi2", target="_INBOX_hub2.asked.1", detail=key)
        await stream.flows_on()


async def test_a_node_that_tries_many_places_of_an_inbox_is_one_entry_and_counted(
    secured: Secured, stream: Stream
) -> None:
    frames = 20
    context = secured.let_in("pi2", Role.AGENT)
    key = read_credentials(context)[1].public
    tls = ssl.create_default_context(cafile=secured.authority.directory / CA_FILE)
    async with (
        recording(secured) as record,
        Bus.connect(secured.let_in("hub2", Role.CONTROLLER), name="controller") as controller,
    ):
        async with raw_client(context, tls=tls) as agent:
            assert await agent.provoke(b"SUB infer.pi2.*.* 1\r\n") == []
            work = subjects.WORK.build(node="pi2", model="m", stage="0")
            for number in range(frames):
                await controller.data.publish(work, b"frame", reply=f"_INBOX_hub2.asked.{number}")
            await controller.data.flush()
            for _ in range(frames):
                await agent.await_message()
        async with raw_client(context, tls=tls) as agent:
            late = [f"PUB _INBOX_hub2.asked.{number} 4\r\nlate\r\n".encode() for number in range(frames)]
            assert len(await agent.provoke(b"".join(late))) == frames
            assert len(await agent.provoke(b"PUB node.pi1.heartbeat 2\r\n{}\r\n")) == 1
            await record.expect("access.answer", who="pi2", target="_INBOX_hub2.asked.0", detail=key)
            await record.expect("access.publish", who="pi2", target="node.pi1.heartbeat", detail=key)
        assert record.recorder.refused["access.answer"] == frames
        assert len(await record.deeds("access.answer")) == 1
        await stream.flows_on()


async def test_what_the_server_was_made_to_deliver_in_another_s_name_is_refused_and_on_the_record(
    secured: Secured, stream: Stream
) -> None:
    """Whoever may read a bucket says where the server delivers; what comes from there has no answer to be given."""
    carried_out: list[str] = []

    async def remove(message: Received) -> Reply:
        carried_out.append(message.subject)
        return Reply(b"{}")

    async with (
        recording(secured) as record,
        Bus.connect(secured.let_in("ann", Role.OPERATOR), name="ann") as ann,
        thieving(secured, "joe", Role.OPERATOR) as (thief, _),
    ):
        config = await record.bus.bucket(subjects.CONFIG_BUCKET)
        await config.put("models.m", b'{"name": "door"}')
        service = Service(record.bus.data, name="bramble", version="1.0.0", description="a door", metadata={})
        door = ControlDoor(service, record.recorder.write, record.recorder.note_refusal)
        door.add("camera", "remove", remove)
        await service.start()
        await record.bus.data.flush()
        for order in ("control.ann.camera.remove", "control.ann.camera.remove", "control.bob.camera.remove"):
            await thief.publish("$JS.API.DIRECT.GET.KV_config.$KV.config.models.m", b"", reply=order)
        await ann.control.publish("control.ann.camera.remove", b"{}", reply="_INBOX_bob.1")

        nobody = "no answer to it was wanted"
        await record.expect("access.control", who=UNPROVED, target="control.ann.camera.remove", detail=nobody)
        await record.expect("access.control", who=UNPROVED, target="control.bob.camera.remove", detail=nobody)
        elsewhere = "its answer was wanted elsewhere: '_INBOX_bob.1'"
        await record.expect("access.control", who=UNPROVED, target="control.ann.camera.remove", detail=elsewhere)
        answer = await ann.control.request("control.ann.camera.remove", b"{}", within=WITHIN_S)
        assert (answer.data, carried_out) == (b"{}", ["control.ann.camera.remove"])
        await service.stop()
        await stream.flows_on()


@pytest.mark.parametrize("camera", ["yard", "door.left", "*", ">"])
async def test_a_camera_that_pushes_under_another_name_is_on_the_record(
    secured: Secured, stream: Stream, camera: str
) -> None:
    """The name in the subject is all that there is to inject with; the server knows one name for each key."""
    async with recording(secured) as record, thieving(secured, "door", Role.PUBLISHER) as (door, key):
        assert await door.provoke(b"PUB frames.door 2\r\n{}\r\n") == []
        said = await door.provoke(f"PUB frames.{camera} 2\r\n{{}}\r\n".encode())
        assert "Permissions Violation" in said[-1]

        await record.expect("access.publish", who="door", target=f"frames.{camera}", detail=key)
        await stream.flows_on()
