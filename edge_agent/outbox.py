"""What a node sends about frames: answers, refusals, and frames that go on to the node of their next stage."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial

from edge_agent.places import read_place
from wire.bus import Knocker, Link, Publication
from wire.errors import BrambleError, BusError, NoRespondersError
from wire.headers import ABSENT, KNOCK, NODE
from wire.service import error_headers

MAX_LATE = 64
"""Messages that wait for a server that is away or slow."""

_log = logging.getLogger("bramble.agent")

OnError = Callable[[BrambleError], None]


@dataclass(frozen=True, slots=True)
class Onward:
    """A frame for the next stage: to a stage of this node it comes as a message that need not go over the network."""

    node: str
    subject: str
    reply: str
    headers: Mapping[str, str]
    data: bytes


class Outbox:
    """Sends from any thread: at once where that can be, else by the loop, which waits for the server."""

    def __init__(self, node: str, link: Link) -> None:
        self._node = node
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._knocker: Knocker | None = None
        self._late: set[asyncio.Task[None]] = set()  # what waits for the server

    async def open_way_on(self) -> None:
        """Get ready to send frames on: only a node with a stage before the last one does.

        Raises:
            BusError: the server did not take the subscription.

        """
        if self._knocker is None:
            self._knocker = await Knocker.open(self._link, header=KNOCK)

    async def close(self, *, within: float) -> None:
        """Wait so many seconds for what is not sent yet."""
        await asyncio.sleep(0)  # what a thread left to the loop comes first
        if self._late:
            await asyncio.wait(tuple(self._late), timeout=within)

    def answer(self, reply: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer whoever waits at ``reply``."""
        post = partial(self._link.post, reply, payload, headers=headers)
        self._send(post, partial(self._link.publish, reply, payload, headers=headers), _note_lost)

    def refuse(self, reply: str, error: BrambleError) -> None:
        """Answer with an error, and with the node that it is about."""
        headers = {**error_headers(error), NODE: error.node or self._node}
        if isinstance(error, NoRespondersError):
            headers[ABSENT] = "1"
        self.answer(reply, error.to_json(), headers)

    def send_on(self, onward: Onward) -> None:
        """Send a frame on; whoever waits for it is told where nobody is there, or it cannot be sent."""
        assert self._knocker is not None  # opened before the shard was served
        message = Publication(onward.subject, onward.data, onward.headers, onward.reply)
        on_nobody = partial(self._tell_absent, onward)
        post = partial(self._knocker.post, message, on_nobody)
        self._send(post, partial(self._knocker.publish, message, on_nobody), partial(self.refuse, onward.reply))

    def _tell_absent(self, onward: Onward) -> None:
        model, stage = read_place(onward.subject)
        error = NoRespondersError(
            f"nobody serves stage {stage} of {model} on {onward.node}", remedy="see `bramble nodes`", node=onward.node
        )
        self.refuse(onward.reply, error)

    def _send(
        self, post: Callable[[], bool], publish: Callable[[], Coroutine[None, None, None]], on_error: OnError
    ) -> None:
        if _settle(post, on_error):
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left who waits
            self._loop.call_soon_threadsafe(self._send_from_loop, post, publish, on_error)

    def _send_from_loop(
        self, post: Callable[[], bool], publish: Callable[[], Coroutine[None, None, None]], on_error: OnError
    ) -> None:
        """Send what a thread could not, as where it is encrypted; what has to wait does so in a task of its own."""
        if _settle(post, on_error):
            return
        if len(self._late) >= MAX_LATE:
            _note_lost(BusError(f"{MAX_LATE} messages already wait for the server"))
            return
        task = self._loop.create_task(_publish(publish, on_error), name="send")
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _settle(post: Callable[[], bool], on_error: OnError) -> bool:
    """Send now; False where that has to wait, True also where it never can be sent and that is told."""
    try:
        return post()
    except BrambleError as error:
        on_error(error)
        return True


async def _publish(publish: Callable[[], Coroutine[None, None, None]], on_error: OnError) -> None:
    try:
        await publish()
    except BrambleError as error:
        on_error(error)


def _note_lost(error: BrambleError) -> None:
    _log.warning("an answer was lost", extra={"action": "reply", "error": str(error)})
