"""A secured server in which frames flow all the time: whatever is tried beside, they must go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.testing.secured import Secured, start_secured
from wire import subjects
from wire.bus import Bus, Link, Received
from wire.errors import AnswerTimeoutError
from wire.permissions import Role

FRAME_S = 0.005
WAIT_S = 30.0


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with start_secured(tmp_path) as secured:
        yield secured


class Stream:
    """Requests from a controller to an agent, one after another; every one must be answered.

    A server that reads its configuration anew forgets whom agents may answer: what they had in hand at that moment is
    asked once more, as controllers do. ``redoes`` is how often that may happen.
    """

    def __init__(self, redoes: int = 0) -> None:
        self.answered = 0
        self._redoes = redoes
        self._turned = asyncio.Event()

    async def run(self, controller: Link) -> None:
        subject = subjects.WORK.build(node="pi1", model="m", stage="0")
        while True:
            number = str(self.answered).encode()
            try:
                answer = await controller.request(subject, number, within=2.0 if self._redoes else 20.0)
            except AnswerTimeoutError:
                if not self._redoes:
                    raise
                self._redoes -= 1
                continue
            assert answer.data == number
            self.answered += 1
            self._turned.set()
            await asyncio.sleep(FRAME_S)

    async def flows_on(self, frames: int = 3) -> None:
        """Wait for some more frames; the stream's own failure shows when it is ended."""
        wanted = self.answered + frames
        async with asyncio.timeout(WAIT_S):
            while self.answered < wanted:
                self._turned.clear()
                await self._turned.wait()


@asynccontextmanager
async def streaming(secured: Secured, *, redoes: int = 0) -> AsyncIterator[Stream]:
    """An agent that answers a controller, for the time of an ``async with``; fails if one frame was not answered."""
    async with (
        Bus.connect(secured.let_in("pi1", Role.AGENT), name="agent") as agent,
        Bus.connect(secured.let_in("hub", Role.CONTROLLER), name="controller") as controller,
    ):

        async def answer(message: Received) -> None:
            await agent.data.publish(message.reply, message.data)

        await agent.data.subscribe(subjects.WORK.wildcard(node="pi1"), answer)
        await agent.data.flush()
        stream = Stream(redoes)
        running = asyncio.create_task(stream.run(controller.data))
        try:
            await stream.flows_on()
            yield stream
            await stream.flows_on()
            assert not running.done(), running.result()
            assert agent.ended is controller.ended is None
        finally:
            running.cancel()


@pytest.fixture
async def stream(secured: Secured) -> AsyncIterator[Stream]:
    async with streaming(secured) as stream:
        yield stream
