"""Each attack is refused, stands on the record afterwards, and the frames of others flow on all the while."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.access.certificates import CA_FILE
from cli.access.enforce import push_account
from cli.local.broker import LOG_FILE
from controller.audit.recorder import Recorder
from tests.integration.access.conftest import Stream, streaming
from tests.testing.raw_client import RawClient, raw_client
from tests.testing.secured import Secured, start_secured
from wire import subjects
from wire.audit import Deed, Entry, Outcome, check_record
from wire.bus import Bus, Link
from wire.bus import Stream as Record
from wire.context import Context
from wire.errors import BusError, NotAuthorisedError
from wire.messages import decode
from wire.permissions import Role

WITHIN_S = 20.0
HERE = "127.0.0.1"

Attack = Callable[[Secured], Awaitable[None]]


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path, encrypted=True) as secured:
        yield secured


class TellingRecorder(Recorder):
    """One that tells when it has written."""

    def __init__(self, stream: Record, name: str, clock: Callable[[], float]) -> None:
        super().__init__(stream, name, clock)
        self.written = asyncio.Event()

    async def write(self, deed: Deed) -> None:
        await super().write(deed)
        self.written.set()


class Witness:
    """What the record says, once it says it."""

    def __init__(self, bus: Bus, recorder: TellingRecorder) -> None:
        self._record = Record(bus.control, subjects.AUDIT_STREAM)
        self._written = recorder.written

    async def expect(self, action: str, *, who: str, target: str = "", detail: str = "") -> Deed:
        """Wait for a refusal; its entry must be part of an unbroken chain."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                self._written.clear()
                entries = [(each.sequence, each.data) async for each in self._record.read(subjects.AUDIT.build())]
                for deed in (decode(data, Entry).deed for _, data in entries):
                    if (deed.action, deed.who, deed.target) == (action, who, target) and detail in deed.detail:
                        assert deed.outcome is Outcome.REFUSED
                        assert check_record(entries)[1] == []
                        return deed
                await self._written.wait()


@asynccontextmanager
async def recording(secured: Secured) -> AsyncIterator[Witness]:
    """A controller's recorder that reads the server's log, for the time of an ``async with``."""
    async with Bus.connect(secured.let_in("recorder", Role.CONTROLLER), name="recorder") as bus:
        recorder = await TellingRecorder.open(bus, "recorder", time.monotonic)
        async with asyncio.TaskGroup() as tasks:
            log = secured.broker.directory / LOG_FILE
            running = [
                tasks.create_task(recorder.run()),
                tasks.create_task(recorder.follow_server_log(log)),
            ]
            try:
                yield Witness(bus, recorder)
            finally:
                for task in running:
                    task.cancel()
        assert recorder.lost == 0


async def expect_refusal(context: Context) -> None:
    with pytest.raises((NotAuthorisedError, BusError)):
        await Link.open(context, name="intruder")


async def come_without_credentials(secured: Secured) -> None:
    record = secured.authority.record
    await expect_refusal(Context(url=record.url, ca=record.ca))


async def come_with_a_guessed_password(secured: Secured) -> None:
    record = secured.authority.record
    await expect_refusal(Context(url=record.url, ca=record.ca, user="operator", password="guessed"))


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
        (come_with_a_revoked_key, "authentication error"),
    ],
)
async def test_who_is_not_let_in_is_on_the_record(secured: Secured, attack: Attack, detail: str) -> None:
    async with streaming(secured) as stream, recording(secured) as witness:
        await attack(secured)

        await witness.expect("access.connect", who=HERE, detail=detail)
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
        ("access.publish", "PUB _INBOX_hub.abc.1 5\r\nagain\r\n", "_INBOX_hub.abc.1"),
        ("access.subscribe", "SUB infer.pi1.*.* 1\r\n", "infer.pi1.*.*"),
        ("access.subscribe", "SUB _INBOX_hub.> 1\r\n", "_INBOX_hub.>"),
        ("access.subscribe", "SUB > 1\r\n", ">"),
    ],
)
async def test_what_a_stolen_agent_s_key_is_not_for_is_on_the_record_under_that_key(
    secured: Secured, stream: Stream, action: str, command: str, target: str
) -> None:
    async with recording(secured) as witness, thieving(secured, "pi2", Role.AGENT) as (thief, key):
        said = await thief.provoke(command.encode())
        assert len(said) == 1
        assert "Permissions Violation" in said[0]

        await witness.expect(action, who=key, target=target)
        await stream.flows_on()


async def test_an_answer_given_twice_is_refused_and_on_the_record(secured: Secured, stream: Stream) -> None:
    async with (
        recording(secured) as witness,
        thieving(secured, "pi2", Role.AGENT) as (agent, key),
        Bus.connect(secured.let_in("hub2", Role.CONTROLLER), name="controller") as controller,
    ):
        assert await agent.provoke(b"SUB infer.pi2.*.* 1\r\n") == []
        work = subjects.WORK.build(node="pi2", model="m", stage="0")
        await controller.data.publish(work, b"frame", reply="_INBOX_hub2.asked.1")
        await controller.data.flush()
        await agent.await_message()
        assert await agent.provoke(b"PUB _INBOX_hub2.asked.1 5\r\nfirst\r\n") == []
        assert len(await agent.provoke(b"PUB _INBOX_hub2.asked.1 5\r\nagain\r\n")) == 1

        await witness.expect("access.publish", who=key, target="_INBOX_hub2.asked.1")
        await stream.flows_on()


@pytest.mark.parametrize("camera", ["yard", "door.left", "*", ">"])
async def test_a_camera_that_pushes_under_another_name_is_on_the_record(
    secured: Secured, stream: Stream, camera: str
) -> None:
    """The name in the subject is all that there is to inject with; the server knows one name for each key."""
    async with recording(secured) as witness, thieving(secured, "door", Role.PUBLISHER) as (door, key):
        assert await door.provoke(b"PUB frames.door 2\r\n{}\r\n") == []
        said = await door.provoke(f"PUB frames.{camera} 2\r\n{{}}\r\n".encode())
        assert "Permissions Violation" in said[-1]

        await witness.expect("access.publish", who=key, target=f"frames.{camera}")
        await stream.flows_on()
