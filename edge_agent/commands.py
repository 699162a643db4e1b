"""What an operator can tell a node: drain, undrain."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.worker import Worker
from wire import subjects
from wire.bus import Link, Received
from wire.errors import BadRequestError, BrambleError
from wire.messages import Done, encode
from wire.service import error_headers

VERBS = ("drain", "undrain")

_log = logging.getLogger("bramble.agent")


class Commands:
    """Carries out ``node.<node>.command.<verb>``."""

    def __init__(self, node: str, link: Link, worker: Worker, on_change: Callable[[], None]) -> None:
        self._node = node
        self._link = link
        self._worker = worker
        self._on_change = on_change

    async def listen(self) -> None:
        """Begin to listen."""
        await self._link.subscribe(subjects.NODE_COMMAND.wildcard(node=self._node), self._receive, max_pending=16)

    async def _receive(self, message: Received) -> None:
        try:
            payload, headers = encode(Done(text=self._carry_out(message.subject))), {}
        except BrambleError as error:
            payload, headers = error.to_json(), error_headers(error)
        if message.reply:
            await self._link.publish(message.reply, payload, headers=headers)

    def _carry_out(self, subject: str) -> str:
        tokens = subjects.NODE_COMMAND.parse(subject) or {}
        verb = tokens.get("verb", "")
        if verb not in VERBS:
            raise BadRequestError(f"{verb[:80]!r} is not a command", remedy=f"send one of: {', '.join(VERBS)}")
        self._worker.draining = verb == "drain"
        _log.info("told to", extra={"action": verb})
        self._on_change()
        held = self._worker.in_flight + self._worker.queued
        if self._worker.draining:
            return f"{self._node} takes no new work and finishes the {held} frames it holds"
        return f"{self._node} takes work again"
