"""The logs of a real agent and a real controller, read over a real server."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.local.broker import Broker
from tests.agent_testing.running_agent import RunningAgent
from tests.testing.configured_server import run_server
from tui.feed import LiveFeed
from tui.updates import LogsTaken, Update, Wants
from wire import subjects
from wire.bus import Bus, Received
from wire.context import Context, save_context
from wire.errors import ErrorCode, error_from_json
from wire.log_lines import LogLevel, LogRequest, Program, Told
from wire.log_reader import LogReader
from wire.logbook import Logbook, answer_logs

WITHIN_S = 30.0
AGENT, CONTROLLER = Program("node", "pi1"), Program("controller", "c1")


@asynccontextmanager
async def running_controller(bus: Bus, broker: Broker, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A controller process that serves."""
    told = asyncio.Event()

    async def note(_: Received) -> None:
        told.set()

    file = tmp_path / "controller.json"
    save_context(broker.context, file)
    ear = await bus.control.subscribe(subjects.CONTROLLER_STATUS.build(controller=CONTROLLER.name), note)
    arguments = ("-m", "controller", "--id", CONTROLLER.name, "--context", str(file), "--metrics-port", "0")
    with (tmp_path / "controller.log").open("wb") as sink:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=sink)
    try:
        async with asyncio.timeout(WITHIN_S):
            await told.wait()
        yield process
    finally:
        await ear.end()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_until(reader: LogReader, program: Program, text: str) -> list[Told]:
    """Read a program's log as a follower does, until a line holds the text; the lines that came."""
    found: list[Told] = []
    async with asyncio.timeout(WITHIN_S):
        while not any(text in told.line.text for told in found):
            found += (await reader.read([program])).lines
            await asyncio.sleep(0)
    return found


async def test_an_agent_and_a_controller_tell_what_they_logged_and_each_line_once(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with running_controller(bus, broker, tmp_path), RunningAgent.start(bus, broker.context, tmp_path) as agent:
        reader = LogReader(bus.control)
        served = await read_until(reader, CONTROLLER, "serving")
        assert next(told for told in served if told.line.text == "serving").line.fields["action"] == "start"

        await bus.control.request(subjects.NODE_COMMAND.build(node=agent.node, verb="drain"), within=WITHIN_S)
        drained = await read_until(reader, AGENT, "told to")
        await bus.control.request(subjects.NODE_COMMAND.build(node=agent.node, verb="undrain"), within=WITHIN_S)
        undrained = await read_until(reader, AGENT, "told to")
        assert drained[-1].line.fields == {"action": "drain"}
        assert undrained[-1].line.fields == {"action": "undrain"}
        keys = [told.key for told in drained + undrained]
        assert len(set(keys)) == len(keys)

        whole = await LogReader(bus.control).read([AGENT, CONTROLLER], limit=500)
        assert not whole.mute
        assert {told.program for told in whole.lines} == {AGENT, CONTROLLER}
        urgent = await LogReader(bus.control).read([AGENT], level=LogLevel.CRITICAL)
        assert urgent.lines == ()


async def test_a_program_that_is_frozen_or_not_there_is_mute_and_the_others_are_read(
    bus: Bus, broker: Broker, tmp_path: Path
) -> None:
    async with running_controller(bus, broker, tmp_path), RunningAgent.start(bus, broker.context, tmp_path) as agent:
        agent.process.send_signal(signal.SIGSTOP)
        reading = await LogReader(bus.control).read([AGENT, CONTROLLER, Program("node", "nowhere")])

    reasons = {each.program: each.reason for each in reading.mute}
    assert "no answer" in reasons[AGENT]
    assert reasons[Program("node", "nowhere")] == "nobody is there"
    assert {told.program for told in reading.lines} == {CONTROLLER}


@pytest.mark.parametrize("payload", [b"", b"\xff", b'{"limit":1000000}', b'{"level":"debug"}'])
async def test_a_request_that_is_none_is_refused_and_the_agent_lives_on(
    bus: Bus, broker: Broker, tmp_path: Path, payload: bytes
) -> None:
    async with RunningAgent.start(bus, broker.context, tmp_path):
        reply = await bus.control.request(AGENT.subject, payload, within=WITHIN_S)
        error = error_from_json(reply.data)
        assert error is not None
        assert error.code is ErrorCode.BAD_REQUEST
        assert not (await LogReader(bus.control).read([AGENT])).mute


async def test_lines_are_not_sent_where_no_answer_is_awaited(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def note(message: Received) -> None:
        heard.append(message.data)

    await bus.control.subscribe("camera.door.status", note)
    async with RunningAgent.start(bus, broker.context, tmp_path):
        await bus.control.publish(AGENT.subject, b"{}", reply="camera.door.status")
        await LogReader(bus.control).read([AGENT])  # it is handled after that
    assert heard == []


async def test_a_program_goes_on_where_the_server_does_not_know_of_logs_yet(tmp_path: Path) -> None:
    config = 'authorization { users = [ { user: a, password: b, permissions: { subscribe: ["_INBOX.>", "x"] } } ] }'
    book = Logbook()
    logger = logging.getLogger("bramble.logs")
    logger.addHandler(book)
    try:
        with run_server(tmp_path, config) as ports:
            address = ports["nats"][0].removeprefix("nats://")
            async with Bus.connect(Context(url=f"nats://a:b@{address}"), name="test") as bus:
                await answer_logs(bus.control, AGENT.subject, book)
                await bus.control.flush()  # raises where a refused subscription is still on its mind
    finally:
        logger.removeHandler(book)
    (line,) = book.read(LogRequest()).lines
    assert (line.level, line.text) == (LogLevel.WARNING, "the log is told to nobody")


async def test_the_dashboard_is_told_logs_while_it_wants_them(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    taken: list[Told] = []
    both = asyncio.Event()

    def put(update: Update) -> None:
        if isinstance(update, LogsTaken):
            taken.extend(update.reading.lines)
            if {told.program for told in taken} == {AGENT, CONTROLLER}:
                both.set()

    async with running_controller(bus, broker, tmp_path), RunningAgent.start(bus, broker.context, tmp_path) as agent:
        await bus.control.request(subjects.NODE_COMMAND.build(node=agent.node, verb="undrain"), within=WITHIN_S)
        feed = LiveFeed(broker.context)
        feed.want(Wants(logs=""))
        running = asyncio.create_task(feed.run(put))
        try:
            async with asyncio.timeout(WITHIN_S):
                await both.wait()
        finally:
            running.cancel()
            await asyncio.wait({running})
    keys = [told.key for told in taken]
    assert len(set(keys)) == len(keys)
