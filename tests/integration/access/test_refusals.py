"""What an attacker would try: refused, said clearly, and the frames of others flow on."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import msgspec
import pytest

from cli.access.authority import Authority
from cli.access.claims import encode_user
from cli.access.contexts import describe
from cli.access.enforce import push_account
from controller.desks.reads import ReadDesk
from tests.integration.access.conftest import Stream
from tests.testing.raw_client import raw_client
from tests.testing.secured import Secured, read_credentials
from wire import subjects
from wire.bus import Bus, Link, Received
from wire.bus.patient import connect_patiently
from wire.context import Context
from wire.errors import BadRequestError, NotAuthorisedError
from wire.identity import KeyPair, Kind
from wire.permissions import Role
from wire.systemd import Notifier

WITHIN_S = 5.0


async def refused(context: Context) -> str:
    with pytest.raises(NotAuthorisedError) as caught:
        await Link.open(context, name="intruder")
    assert caught.value.remedy
    return caught.value.message


async def test_nobody_comes_in_without_credentials(secured: Secured, stream: Stream) -> None:
    url = secured.broker.context.url
    assert "refused this user" in await refused(Context(url=url))
    await refused(Context(url=url, user="bramble", password="guessed"))
    await refused(Context(url=url, token="guessed"))
    await stream.flows_on()


async def test_a_key_that_nobody_signed_or_another_operator_did_lets_nobody_in(
    secured: Secured, stream: Stream, tmp_path: Path
) -> None:
    url = secured.broker.context.url
    pair = KeyPair.make(Kind.USER)
    other = Authority.create(tmp_path / "other", cluster="other", url=url)
    claim = other.add("eve", Role.OPERATOR, pair.public)
    await refused(Context(url=url, user_jwt=claim, user_seed=pair.reveal_seed()))
    signed_by_itself = encode_user(
        pair, pair.public, name="eve", account=secured.authority.account, issued_at=int(time.time())
    )
    await refused(Context(url=url, user_jwt=signed_by_itself, user_seed=pair.reveal_seed()))
    await stream.flows_on()


async def test_a_claim_without_its_key_or_with_another_name_written_in_lets_nobody_in(
    secured: Secured, stream: Stream
) -> None:
    context = secured.let_in("pi2", Role.AGENT)
    claim, pair = read_credentials(context)
    stolen = msgspec.structs.replace(context, creds="", user_jwt=claim, user_seed=KeyPair.make(Kind.USER).reveal_seed())
    await refused(stolen)
    head, body, signature = claim.split(".")
    renamed = msgspec.structs.replace(context, creds="", user_jwt=f"{head}.{body[:-2]}{body[-3:-1]}.{signature}")
    await refused(msgspec.structs.replace(renamed, user_seed=pair.reveal_seed()))
    await stream.flows_on()


async def test_a_revoked_user_is_disconnected_within_5_s_and_stays_out_while_others_go_on(
    secured: Secured, stream: Stream
) -> None:
    context = secured.let_in("ann", Role.VIEWER)
    inside = asyncio.Event()

    async def be_a_program() -> None:
        stop = asyncio.Event()
        async with connect_patiently(context, name="ann", notifier=Notifier({}), stop=stop) as bus:
            assert bus is not None
            inside.set()
            await stop.wait()  # which also ends a program that is not let in any more

    program = asyncio.create_task(be_a_program())
    await asyncio.wait_for(inside.wait(), WITHIN_S)
    before = stream.answered
    secured.authority.revoke("ann")
    await push_account(secured.authority)
    with pytest.raises(NotAuthorisedError, match="refused this user"):
        await asyncio.wait_for(program, WITHIN_S)
    await refused(context)
    await stream.flows_on()
    assert stream.answered > before


async def test_revocation_outlives_a_restart_of_the_server_with_its_first_configuration(secured: Secured) -> None:
    context = secured.let_in("ann", Role.VIEWER)
    kept = secured.let_in("bob", Role.VIEWER)
    secured.authority.revoke("ann")
    await push_account(secured.authority)
    secured.restart()
    await refused(context)
    async with Bus.connect(kept, name="bob") as bus:
        await bus.control.flush()


async def test_a_name_may_come_back_with_a_new_key_but_never_with_the_old_one(secured: Secured) -> None:
    old = secured.let_in("ann", Role.VIEWER)
    secured.authority.revoke("ann")
    await push_account(secured.authority)
    with pytest.raises(BadRequestError, match="was revoked"):
        secured.authority.add("ann", Role.VIEWER, read_credentials(old)[1].public)
    pair = KeyPair.make(Kind.USER)
    claim = secured.authority.add("ann", Role.OPERATOR, pair.public)
    new = describe(secured.authority, "ann", Role.OPERATOR, claim=claim)
    async with Bus.connect(msgspec.structs.replace(new, user_seed=pair.reveal_seed()), name="ann") as bus:
        await bus.control.flush()
    await refused(old)


async def test_a_stolen_agent_s_key_speaks_and_listens_for_that_agent_only(secured: Secured, stream: Stream) -> None:
    async with Bus.connect(secured.let_in("pi2", Role.AGENT), name="thief") as thief:
        for subject in (
            subjects.WORK.wildcard(node="pi1"),
            subjects.WORK.wildcard(),
            subjects.RESULTS.wildcard(),
            subjects.FRAMES.wildcard(),
            subjects.CONTROL.wildcard(),
            "_INBOX_hub.>",
            ">",
        ):
            with pytest.raises(NotAuthorisedError, match="may not listen"):
                await subscribe(thief.data, subject)
        for subject in (
            subjects.HEARTBEAT.build(node="pi1"),
            subjects.RESULTS.build(camera="door", model="m"),
            subjects.CONTROL.build(user="pi2", noun="camera", verb="remove"),
            subjects.NODE_COMMAND.build(node="pi1", verb="drain"),
            "$KV.assignments.pi1",
            "$KV.config.models.m",
            "$SYS.REQ.CLAIMS.UPDATE",
        ):
            with pytest.raises(NotAuthorisedError, match="may not publish"):
                await thief.data.request(subject, b"{}", within=WITHIN_S)
        await stream.flows_on()


async def subscribe(link: Link, subject: str) -> None:
    async def take(_: Received) -> None:
        raise AssertionError("this must not come in")

    subscription = await link.subscribe(subject, take)
    try:
        await link.flush()
    finally:
        await subscription.end()


async def test_an_agent_answers_under_its_own_name_and_says_nothing_else_to_anybody(
    secured: Secured, stream: Stream
) -> None:
    """Even where it was asked to answer there: who asks may be itself, in the name of whom it would like to be."""
    answers: list[bytes] = []
    async with (
        raw_client(secured.let_in("pi2", Role.AGENT)) as agent,
        Bus.connect(secured.let_in("hub2", Role.CONTROLLER), name="controller") as controller,
    ):

        async def take(message: Received) -> None:
            answers.append(message.data)

        await controller.data.subscribe("_INBOX_hub2.watched.*", take)
        await controller.data.subscribe("answer.hub2.*.here.*", take)
        await controller.data.flush()
        assert await agent.provoke(b"SUB infer.pi2.*.* 1\r\n") == []
        work = subjects.WORK.build(node="pi2", model="m", stage="0")
        foreign = ("_INBOX_hub2.watched.1", "answer.hub2.pi1.here.1", "control.ann.camera.remove", "results.door.m")
        for reply in (*foreign, "$KV.config.models.m", "$JS.API.STREAM.DELETE.audit", "_INBOX_hub.any"):
            await controller.data.publish(work, b"frame", reply=reply)
            await controller.data.flush()
            await agent.await_message()
            assert await agent.provoke(f"PUB {work} {reply} 2\r\n{{}}\r\n".encode()) == []
            said = await agent.provoke(f"PUB {reply} 5\r\nagain\r\n".encode())
            assert said == [f"-ERR 'Permissions Violation for Publish to \"{reply}\"'"]
        assert await agent.provoke(b"PUB answer.hub2.pi2.here.1 3\r\nown\r\n") == []
        await controller.data.flush()
    assert answers == [b"own"]
    await stream.flows_on()


async def test_an_agent_reads_its_own_assignment_and_no_camera_s_password(secured: Secured) -> None:
    async with (
        Bus.connect(secured.let_in("hub2", Role.CONTROLLER), name="controller") as controller,
        Bus.connect(secured.let_in("pi2", Role.AGENT), name="agent", asks_controllers=True) as agent,
    ):
        await ReadDesk(controller.data, lambda _: None).listen()
        config = await controller.bucket(subjects.CONFIG_BUCKET)
        assignments = await controller.bucket(subjects.ASSIGNMENTS_BUCKET)
        await config.put("cameras.door", b"rtsp://user:secret@door")
        await config.put("models.m", b"manifest")
        await assignments.put("pi1", b"theirs")
        await assignments.put("pi2", b"its own")
        opened = await agent.bucket(subjects.CONFIG_BUCKET, create=False)
        own = await agent.bucket(subjects.ASSIGNMENTS_BUCKET, create=False)
        assert await anext(opened.follow("models.*")) == {"models.m": b"manifest"}
        assert await anext(own.follow("pi2")) == {"pi2": b"its own"}
        for bucket, key in ((opened, "cameras.door"), (own, "pi1")):
            with pytest.raises(NotAuthorisedError):
                await bucket.get(key)
            with pytest.raises(NotAuthorisedError):
                await anext(bucket.follow(key))
            with pytest.raises(NotAuthorisedError):
                await bucket.put(key, b"mine now")
        with pytest.raises(NotAuthorisedError):
            await anext(opened.follow("*.*"))
        assert await config.get("cameras.door") == b"rtsp://user:secret@door"


async def test_an_agent_cannot_have_the_server_deliver_in_its_place(secured: Secured) -> None:
    """The server does not hold a consumer's deliver subject against permissions: so no agent may make consumers."""
    config = {"deliver_subject": "control.ann.camera.remove", "filter_subject": "$KV.config.models.m"}
    asked = json.dumps({"stream_name": "KV_config", "config": config}).encode()
    async with Bus.connect(secured.let_in("pi2", Role.AGENT), name="agent") as agent:
        for subject in (
            "$JS.API.CONSUMER.CREATE.KV_config",
            "$JS.API.CONSUMER.CREATE.KV_config.c.$KV.config.models.m",
            "$JS.API.CONSUMER.DURABLE.CREATE.KV_config.c",
        ):
            with pytest.raises(NotAuthorisedError):
                await agent.data.request(subject, asked, within=WITHIN_S)


@pytest.mark.parametrize("name", ["a.b", "a*", ">", "*", "a b", "", "x" * 65, "a\r\nPUB x 0", "{{name()}}", "анна"])
def test_no_name_can_carry_a_subject_or_a_command(secured: Secured, name: str) -> None:
    with pytest.raises(BadRequestError, match="not a valid name"):
        secured.authority.add(name, Role.AGENT, KeyPair.make(Kind.USER).public)
    for family, field in ((subjects.FRAMES, "camera"), (subjects.INFER, "model"), (subjects.HEARTBEAT, "node")):
        with pytest.raises(BadRequestError, match="not a valid name"):
            family.build(**{field: name})


async def test_a_publisher_pushes_its_own_camera_s_pictures_only(secured: Secured) -> None:
    pictures: list[str] = []
    async with (
        Bus.connect(secured.let_in("door", Role.PUBLISHER), name="door") as door,
        Bus.connect(secured.let_in("hub2", Role.CONTROLLER), name="controller") as controller,
    ):

        async def take(message: Received) -> None:
            pictures.append(message.subject)

        await controller.data.subscribe(subjects.FRAMES.wildcard(), take)
        await controller.data.flush()
        await door.data.publish("frames.door", b"picture")
        await door.data.publish("frames.yard", b"forged")
        await door.data.flush()
        await controller.data.flush()
    assert pictures == ["frames.door"]


async def test_a_program_hears_at_once_that_it_may_not_ask_and_can_go_on(secured: Secured) -> None:
    async with Bus.connect(secured.let_in("ann", Role.VIEWER), name="ann") as bus:
        began = time.monotonic()
        remove = subjects.CONTROL.build(user=bus.user, noun="camera", verb="remove")
        with pytest.raises(NotAuthorisedError, match=r"may not publish to control\.ann\.camera\.remove") as caught:
            await bus.control.request(remove, b"{}", within=60.0)
        assert time.monotonic() - began < 30.0
        assert "bramble access matrix" in caught.value.remedy
        await bus.control.flush()
        assert bus.connected
