"""What a node can be told: drain, undrain, to measure a model, to examine itself, to prove a model anew."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.examiner import Examiner
from edge_agent.profiler import Profiler
from edge_agent.worker import Worker
from wire import subjects
from wire.answers import address
from wire.bus import Link, Received
from wire.effects import EffectRequest
from wire.errors import BadRequestError, BrambleError
from wire.fences import ProveRequest
from wire.messages import Done, Message, decode, encode
from wire.profiles import ProfileRequest
from wire.service import error_headers

VERBS = ("drain", "undrain", "profile", "effect", "examine", "prove")

_log = logging.getLogger("bramble.agent")


class Commands:
    """Carries out ``node.<node>.command.<verb>``."""

    def __init__(
        self,
        node: str,
        link: Link,
        worker: Worker,
        *,
        profiler: Profiler,
        examiner: Examiner,
        doubt: Callable[[str], int],
        on_change: Callable[[], None],
    ) -> None:
        self._doubt = doubt
        self._node = node
        self._link = link
        self._worker = worker
        self._profiler = profiler
        self._examiner = examiner
        self._on_change = on_change

    async def listen(self) -> None:
        """Begin to listen."""
        await self._link.subscribe(subjects.NODE_COMMAND.wildcard(node=self._node), self._receive, max_pending=16)

    async def _receive(self, message: Received) -> None:
        tokens = subjects.NODE_COMMAND.parse(message.subject) or {}
        try:
            if tokens.get("verb") == "profile":
                self._profiler.begin(decode(message.data, ProfileRequest), lambda done: self._reply(message, done))
                return
            if tokens.get("verb") == "effect":
                self._profiler.begin(decode(message.data, EffectRequest), lambda done: self._reply(message, done))
                return
            if tokens.get("verb") == "examine":
                self._examiner.begin(lambda found: self._reply(message, found))
                return
            if tokens.get("verb") == "prove":
                model = decode(message.data, ProveRequest).model
                count = self._doubt(model)
                await self._reply(message, Done(text=f"{self._node} proves {count} shards of {model} anew"))
                return
            answer: Message | BrambleError = Done(text=self._carry_out(tokens.get("verb", "")))
        except BrambleError as error:
            answer = error
        await self._reply(message, answer)

    async def _reply(self, message: Received, answer: Message | BrambleError) -> None:
        if not (reply := address(message.reply, self._node)):
            return
        if isinstance(answer, BrambleError):
            await self._link.publish(reply, answer.to_json(), headers=error_headers(answer))
        else:
            await self._link.publish(reply, encode(answer))

    def _carry_out(self, verb: str) -> str:
        if verb not in VERBS:
            raise BadRequestError(f"{verb[:80]!r} is not a command", remedy=f"send one of: {', '.join(VERBS)}")
        self._worker.draining = verb == "drain"
        _log.info("told to", extra={"action": verb})
        self._on_change()
        held = self._worker.in_flight + self._worker.queued
        if self._worker.draining:
            return f"{self._node} takes no new work and finishes the {held} frames it holds"
        return f"{self._node} takes work again"
