"""How ``control.<user>.<noun>.<verb>`` reaches a desk: only what that user really asked, and noted."""

from __future__ import annotations

import logging

from wire import subjects
from wire.bus import Received
from wire.context import is_inbox_of
from wire.service import EndpointHandler, Reply, Service

_LOOKING = frozenset({"status", "snapshot", "test"})

_log = logging.getLogger("bramble.control")


def add_control_endpoint(service: Service, noun: str, verb: str, handler: EndpointHandler) -> None:
    """Add an endpoint that answers a request of any user; the server has checked that the subject names who asks."""
    service.add_endpoint(f"{noun}-{verb}", subjects.CONTROL.wildcard(noun=noun, verb=verb), _authenticate(handler))


def _authenticate(handler: EndpointHandler) -> EndpointHandler:
    """Let through what the user in the subject really asked.

    The server lets users publish in their own name only. What JetStream delivers to a subject on somebody's behalf
    passes no such check, but its answers cannot be wanted in a user's own inbox.
    """

    async def handle(message: Received) -> Reply | None:
        fields = subjects.CONTROL.parse(message.subject)
        if fields is None or not is_inbox_of(fields["user"], message.reply):
            # No answer either: it would come to somebody who did not ask.
            _log.warning("refused", extra={"action": "control", "subject": message.subject, "reply": message.reply})
            return None
        level = logging.DEBUG if fields["verb"] in _LOOKING else logging.INFO
        _log.log(level, "asked", extra={"action": "control", **fields})
        return await handler(message)

    return handle
