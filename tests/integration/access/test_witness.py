"""A server without a controller beside it: a witness has what it refuses put on the record, each refusal once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from cli.access.enforce import push_account
from cli.local.broker import LOG_FILE
from controller.audit.recorder import Recorder
from controller.audit.witnesses import BURST, WitnessDesk
from controller.foundations import FoundationsKeeper
from tests.integration.access.conftest import streaming
from tests.integration.access.test_on_record import come_in_plain_text, come_without_credentials, thieving
from tests.testing.record import RecordReader
from tests.testing.secured import Secured, start_secured
from tests.testing.witness import Program, run_witness
from wire import permissions, subjects
from wire.audit import UNPROVED, Deed, Outcome
from wire.bus import Bus, Received
from wire.errors import NoCapacityError, error_from_json
from wire.findings import Severity
from wire.foundations import SILENT_S, WitnessBeat, judge_foundations
from wire.messages import Done, decode, encode
from wire.permissions import Role
from wire.refusals.closed import FAILURE
from wire.refusals.report import MOST, Report, Told

WITHIN_S = 20.0
HERE = "127.0.0.1"
NAME = "witness-two"
RUN = "0123456789abcdef"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path, encrypted=True) as secured:
        yield secured


class Controller(RecordReader):
    """What a controller has to do with witnesses, and nothing of what it watches itself."""

    def __init__(self, bus: Bus, recorder: Recorder) -> None:
        super().__init__(bus)
        self.recorder = recorder
        self.ahead_s = 0.0
        self.foundations = FoundationsKeeper(bus.control, (NAME,), lambda: time.monotonic() + self.ahead_s)
        self.desk = WitnessDesk(bus.control, recorder, time.monotonic, self._take_beat)
        self._heard = asyncio.Event()

    async def hear(self) -> None:
        """Wait for a sign of life that is new."""
        self._heard.clear()
        await asyncio.wait_for(self._heard.wait(), WITHIN_S)

    async def _take_beat(self, message: Received) -> None:
        await self.foundations.take_beat(message)
        self._heard.set()


@asynccontextmanager
async def controlling(secured: Secured, *, listens: bool = False) -> AsyncIterator[Controller]:
    async with Bus.connect(secured.let_in("controller-one", Role.CONTROLLER), name="controller") as bus:
        recorder = await Recorder.open(bus, "one", time.monotonic)
        running = asyncio.create_task(recorder.run())
        controller = Controller(bus, recorder)
        if listens:
            await controller.desk.listen()
        try:
            yield controller
        finally:
            running.cancel()
            await asyncio.wait([running])


def witnessing(secured: Secured, *more: str) -> AbstractAsyncContextManager[Program]:
    log = secured.broker.directory / LOG_FILE
    return run_witness(log, secured.broker.monitor, secured.directory / f"{NAME}.json", *more)


async def test_what_a_server_refuses_is_on_the_record_with_who_saw_it_and_when(secured: Secured) -> None:
    secured.let_in(NAME, Role.WITNESS)
    async with (
        streaming(secured) as stream,
        controlling(secured, listens=True) as controller,
        witnessing(secured) as program,
        thieving(secured, "pi2", Role.AGENT) as (thief, key),
    ):
        before = time.time()
        await thief.provoke(b"PUB node.pi1.heartbeat 2\r\n{}\r\n")
        await come_without_credentials(secured)
        await come_in_plain_text(secured)

        published = await controller.expect("access.publish", who="pi2", target="node.pi1.heartbeat", detail=key)
        assert published.witness == NAME
        assert before - 1 <= published.seen_at <= time.time() + 1
        for detail in ("authentication error", FAILURE):
            assert (await controller.expect("access.connect", who=HERE, detail=detail)).witness == NAME
        assert controller.recorder.refused["access.publish"] == 1
        await stream.flows_on()
        assert await program.end() == 0


async def test_what_is_refused_while_no_controller_listens_is_on_the_record_once_one_does(secured: Secured) -> None:
    secured.let_in(NAME, Role.WITNESS)
    async with controlling(secured) as controller, witnessing(secured) as program:
        async with thieving(secured, "pi2", Role.AGENT) as (thief, key):
            for subject in ("results.a.m", "results.b.m", "results.a.m"):
                await thief.provoke(f"PUB {subject} 2\r\n{{}}\r\n".encode())
            await program.say("not on the record yet")
        await controller.desk.listen()

        await controller.expect("access.publish", who="pi2", target="results.b.m", detail=key)
        targets = [deed.target for deed in await controller.deeds("access.publish")]
        assert targets == ["results.a.m", "results.b.m"]  # the third is counted, and told with the count in due time
        await program.say("action=tell")


async def test_controllers_hear_witnesses_once_the_server_knows_of_them(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an upgrade, controllers are newer than what the server was told of roles."""
    all_rows = permissions.TABLE
    of_old = tuple(row for row in all_rows if row.pattern != subjects.REFUSED.wildcard())
    monkeypatch.setattr(permissions, "TABLE", of_old)
    await push_account(secured.authority)
    async with controlling(secured) as controller:
        listening = asyncio.create_task(controller.desk.listen())
        await asyncio.wait([listening], timeout=0.5)
        assert not listening.done()
        await controller.bus.control.flush()  # raises where a refused subscription is still on its mind
        monkeypatch.setattr(permissions, "TABLE", all_rows)
        await push_account(secured.authority)
        await asyncio.wait_for(listening, WITHIN_S)
        async with Bus.connect(secured.let_in(NAME, Role.WITNESS), name="witness") as witness:
            answer = await ask(witness, Report(run=RUN, told=(Told(number=1, deed=refuse("x")),)))
        assert decode(answer.data, Done).text == "refusals on the record: 1"


async def test_a_witness_is_missed_when_it_dies_and_heard_when_it_is_back(secured: Secured) -> None:
    secured.let_in(NAME, Role.WITNESS)
    async with controlling(secured, listens=True) as controller:
        assert [each.beat for each in controller.foundations.found.witnesses] == [None]
        for _ in range(2):
            async with witnessing(secured) as program:
                await controller.hear()
                assert find_wrong(controller) == []
                await program.end(signal.SIGKILL)
            controller.ahead_s += SILENT_S + 1
            assert find_wrong(controller) == [(f"witness {NAME}", "witness")]


async def test_a_witness_that_cannot_read_its_servers_log_says_so(secured: Secured, tmp_path: Path) -> None:
    secured.let_in(NAME, Role.WITNESS)
    path = secured.directory / f"{NAME}.json"
    async with (
        controlling(secured, listens=True) as controller,
        run_witness(tmp_path / "none.log", secured.broker.monitor, path),
    ):
        await controller.hear()
        assert find_wrong(controller) == [(f"witness {NAME}", "log")]


async def test_a_sign_of_life_in_anothers_name_is_none(secured: Secured) -> None:
    beat = WitnessBeat(witness=NAME, at=0.0, version="1")
    async with (
        controlling(secured, listens=True) as controller,
        Bus.connect(secured.let_in("witness-three", Role.WITNESS), name="witness") as other,
    ):
        for payload in (encode(beat), b"{}"):
            await other.control.publish(subjects.WITNESS_HEARTBEAT.build(witness="witness-three"), payload)
        await other.control.flush()
        await controller.bus.control.flush()
        assert [each.beat for each in controller.foundations.found.witnesses] == [None]


async def test_what_is_refused_while_the_witness_is_dead_is_on_the_record_once_it_is_back(
    secured: Secured, tmp_path: Path
) -> None:
    secured.let_in(NAME, Role.WITNESS)
    memory = tmp_path / "memory"
    async with controlling(secured, listens=True) as controller, thieving(secured, "pi2", Role.AGENT) as (thief, key):
        async with witnessing(secured, "--memory", str(memory), "--log-level", "debug") as program:
            await thief.provoke(b"PUB results.a.m 2\r\n{}\r\n")
            await controller.expect("access.publish", who="pi2", target="results.a.m", detail=key)
            kept = (secured.broker.directory / LOG_FILE).stat().st_size
            await program.say(f"offset={kept}")
            await program.end(signal.SIGKILL)
        await thief.provoke(b"PUB results.b.m 2\r\n{}\r\n")
        async with witnessing(secured, "--memory", str(memory)):
            await controller.expect("access.publish", who="pi2", target="results.b.m", detail=key)

        assert [deed.target for deed in await controller.deeds("access.publish")] == ["results.a.m", "results.b.m"]


async def test_a_report_whose_answer_was_lost_is_told_again_and_is_on_the_record_once(secured: Secured) -> None:
    context = secured.let_in(NAME, Role.WITNESS)
    told = tuple(Told(number=1 + each, deed=refuse(f"x.{each}")) for each in range(3))
    async with controlling(secured, listens=True) as controller, Bus.connect(context, name="witness") as witness:
        for _ in range(2):  # the first answer comes to nobody who knows of it
            await ask(witness, Report(run=RUN, told=told))

        assert [deed.target for deed in await controller.deeds("access.publish")] == ["x.0", "x.1", "x.2"]


async def test_a_witness_that_was_taken_over_fills_no_more_of_the_record_than_its_share(secured: Secured) -> None:
    context = secured.let_in(NAME, Role.WITNESS)
    async with controlling(secured, listens=True) as controller, Bus.connect(context, name="witness") as witness:
        refusal = None
        number = 0
        while refusal is None:
            told = tuple(Told(number=number + each, deed=refuse(f"x.{number + each}")) for each in range(1, MOST + 1))
            number += MOST
            refusal = error_from_json((await ask(witness, Report(run=RUN, told=told))).data)
            assert number <= 2 * BURST

        assert isinstance(refusal, NoCapacityError)
        assert refusal.retry_after_ms
        assert len(await controller.deeds("access.publish")) <= BURST + MOST


@pytest.mark.parametrize(
    "deed",
    [
        Deed(who="ann", action="camera.remove", target="door"),
        Deed(who="ann", action="model.add", target="m", outcome=Outcome.REFUSED),
    ],
)
async def test_a_witness_that_was_taken_over_puts_nothing_else_on_the_record(secured: Secured, deed: Deed) -> None:
    context = secured.let_in(NAME, Role.WITNESS)
    async with controlling(secured, listens=True) as controller, Bus.connect(context, name="witness") as witness:
        answer = error_from_json((await ask(witness, Report(run=RUN, told=(Told(number=1, deed=deed),)))).data)

        assert answer is not None
        assert "is not for a witness to tell" in answer.message
        assert await controller.deeds(deed.action) == []


async def test_a_report_that_the_server_was_made_to_deliver_is_none_and_that_is_on_the_record(secured: Secured) -> None:
    """Whoever may read a bucket says where the server delivers: no answer can be wanted from there."""
    forged = Report(run=RUN, told=(Told(number=1, deed=refuse("x")),))
    async with controlling(secured, listens=True) as controller, thieving(secured, "joe", Role.OPERATOR) as (thief, _):
        config = await controller.bus.bucket(subjects.CONFIG_BUCKET)
        await config.put("models.m", encode(forged))
        await thief.publish("$JS.API.DIRECT.GET.KV_config.$KV.config.models.m", b"", reply=f"refused.{NAME}")

        await controller.expect("access.control", who=UNPROVED, target=f"refused.{NAME}")
        assert await controller.deeds("access.publish") == []


async def test_a_context_that_names_nobody_ends_the_program_with_a_remedy(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "nobody.json").write_text(f'{{"url": "{secured.broker.context.url}"}}')
    command = ["-m", "witness", "--server-log", os.devnull, "--context", str(tmp_path / "nobody.json")]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), WITHIN_S)

    assert process.returncode == 3
    assert b"bramble access add NAME --role witness" in said


def refuse(target: str) -> Deed:
    return Deed(who="eve", action="access.publish", target=target, outcome=Outcome.REFUSED)


async def ask(witness: Bus, report: Report) -> Received:
    return await witness.control.request(subjects.REFUSED.build(witness=NAME), encode(report), within=WITHIN_S)


def find_wrong(controller: Controller) -> list[tuple[str, str]]:
    found = judge_foundations(controller.foundations.found)
    return [(each.about, each.check) for each in found if each.severity is not Severity.WELL]
