"""``read.<user>.<question>``: what is stored, for those who may not ask JetStream themselves.

JetStream answers on whatever subject a question names, and its answers are held against no permissions: whoever may ask
it anything can have it empty its own stores. So controllers ask in their place, and answer in their inbox alone. Which
questions a user may put is said by the table, subject by subject, and seen to by the server.
"""

from __future__ import annotations

import asyncio
import logging

from controller.audit.refusals import refuse_inbox
from controller.desks.door import NoteRefusal
from wire.bus import Link, Received, Subscription
from wire.context import is_inbox_of
from wire.errors import BrambleError
from wire.subjects import READ, STORE_API

QUEUE = "q"
WITHIN_S = 5.0
MAX_TASKS = 64
"""Questions under way; an answer is a part of a file at most, 128 KiB."""

LOOKING = ("INFO", "STREAM.INFO.", "DIRECT.GET.")
"""What questions begin with that change nothing."""

UNAVAILABLE = {"Status": "503", "Description": "not now"}
"""What whoever asks JetStream itself would be told."""

_log = logging.getLogger("bramble.reads")


class ReadDesk:
    """Asks for others. Any controller will do."""

    def __init__(self, link: Link, note_refusal: NoteRefusal) -> None:
        self._link = link
        self._note_refusal = note_refusal
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> Subscription:
        """Begin to listen."""
        return await self._link.take(f"{READ}.*.>", self._receive, queue=QUEUE)

    def _receive(self, message: Received) -> None:
        family, _, rest = message.subject.partition(".")  # of what JetStream delivers, it is any subject
        user, _, question = rest.partition(".")
        if family != READ or not is_inbox_of(user, message.reply) or not question.startswith(LOOKING):
            _log.warning("refused", extra={"action": "read", "subject": message.subject, "reply": message.reply})
            self._note_refusal(refuse_inbox(message.subject, message.reply))
        elif len(self._tasks) >= MAX_TASKS:
            self._link.post(message.reply, headers=UNAVAILABLE)
        else:
            task = asyncio.create_task(self._answer(message, f"{STORE_API}.{question}"), name="read")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Received, question: str) -> None:
        try:
            try:
                found = await self._link.request(question, message.data, within=WITHIN_S)
            except BrambleError as error:
                _log.warning("not read", extra={"action": "read", "subject": message.subject, "error": error.message})
                await self._link.publish(message.reply, headers=UNAVAILABLE)
            else:
                await self._link.publish(message.reply, found.data, headers=found.headers)
        except BrambleError as error:  # whoever asks hears nothing, and asks again
            _log.warning("not told", extra={"action": "read", "subject": message.subject, "error": error.message})
