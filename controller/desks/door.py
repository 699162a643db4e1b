"""How ``control.<user>.<noun>.<verb>`` reaches a desk: only what that user really asked, and on the record."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from controller.audit.refusals import refuse_inbox, refuse_name
from modelkit.digest import sha256_bytes
from wire import subjects
from wire.audit import MAX_DETAIL, Deed, Outcome
from wire.bus import Received
from wire.context import is_inbox_of
from wire.errors import BadRequestError, BrambleError
from wire.ids import is_token
from wire.redact import redact_url
from wire.service import EndpointHandler, Reply, Service

LOOKING = frozenset({"status", "snapshot", "test", "list", "show", "make"})
"""Verbs that change nothing, and are not written down."""

_DIGESTED = frozenset({"model", "plan"})
_TARGETS = ("camera", "name", "model", "node", "batch")

Record = Callable[[Deed], Awaitable[None]]
NoteRefusal = Callable[[Deed], None]

_log = logging.getLogger("bramble.control")


class ControlDoor:
    """Adds endpoints to a service, and has ``record`` told of whatever changes something.

    ``note_refusal`` is told of what is no honest request; it must not wait for anything.
    """

    def __init__(self, service: Service, record: Record, note_refusal: NoteRefusal) -> None:
        self._service = service
        self._record = record
        self._note_refusal = note_refusal
        service.call_on_foreign(lambda message: note_refusal(refuse_inbox(message.subject, message.reply)))

    def add(self, noun: str, verb: str, handler: EndpointHandler) -> None:
        """Add an endpoint for any user; the server has checked that the subject names who asks."""
        self.add_unrecorded(noun, verb, self._looking(handler) if verb in LOOKING else self._on_record(handler))

    def add_unrecorded(self, noun: str, verb: str, handler: EndpointHandler) -> None:
        """Add one that sees to the record itself."""
        subject = subjects.CONTROL.wildcard(noun=noun, verb=verb)
        self._service.add_endpoint(f"{noun}-{verb}", subject, self._authenticate(handler))

    def _authenticate(self, handler: EndpointHandler) -> EndpointHandler:
        """Let through what the user in the subject really asked.

        The server lets users publish in their own name only. What JetStream delivers to a subject on somebody's behalf
        passes no such check, but its answers cannot be wanted in a user's own inbox.
        """

        async def handle(message: Received) -> Reply | None:
            fields = subjects.CONTROL.parse(message.subject)
            if fields is None or not is_inbox_of(fields["user"], message.reply):
                # No answer either: it would come to somebody who did not ask.
                _log.warning("refused", extra={"action": "control", "subject": message.subject, "reply": message.reply})
                self._note_refusal(refuse_inbox(message.subject, message.reply))
                return None
            level = logging.DEBUG if fields["verb"] in LOOKING else logging.INFO
            _log.log(level, "asked", extra={"action": "control", **fields})
            return await handler(message)

        return handle

    def _looking(self, handler: EndpointHandler) -> EndpointHandler:
        """What changes nothing is on the record only where its names are none: nobody types those by mistake."""

        async def handle(message: Received) -> Reply | None:
            try:
                return await handler(message)
            except BadRequestError:
                deed = describe(message.subject, message.data)
                if deed.target and not is_token(deed.target):
                    self._note_refusal(refuse_name(message.subject, repr(deed.target), who=deed.who))
                raise

        return handle

    def _on_record(self, handler: EndpointHandler) -> EndpointHandler:
        async def handle(message: Received) -> Reply | None:
            deed = describe(message.subject, message.data)
            try:
                reply = await handler(message)
            except BrambleError as error:
                refused = {"outcome": Outcome.REFUSED, "detail": redact_url(error.message)[:MAX_DETAIL], "digest": None}
                await self._record(msgspec.structs.replace(deed, **refused))
                raise
            if reply is not None and reply.remark:
                detail = ", ".join(filter(None, (deed.detail, reply.remark)))
                deed = msgspec.structs.replace(deed, detail=detail[:MAX_DETAIL])
            await self._record(deed)
            return reply

        return handle


def describe(subject: str, payload: bytes) -> Deed:
    """Return what a request asks for, as it goes on the record; its content only as a digest."""
    fields = subjects.CONTROL.parse(subject) or {"user": "nobody", "noun": "control", "verb": "unknown"}
    asked = _read(payload)
    return Deed(
        who=fields["user"],
        action=f"{fields['noun']}.{fields['verb']}".lower().replace("-", "_"),
        target=next((asked[key][:200] for key in _TARGETS if key in asked), ""),
        # Not of what may hold a password: from the digest of all but a few letters they could be found.
        digest=sha256_bytes(payload) if fields["noun"] in _DIGESTED else None,
        detail=redact_url(asked.get("url") or asked.get("version", ""))[:MAX_DETAIL],
    )


def _read(payload: bytes) -> dict[str, str]:
    """Return the fields of a request that are words; none where it is not an object."""
    try:
        value: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {key: word for key, word in value.items() if isinstance(word, str)} if isinstance(value, dict) else {}
