"""``frames.<camera>``: pictures from outside for cameras whose source is ``push:``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from controller.audit.refusals import refuse_inbox, refuse_name
from controller.desks.door import NoteRefusal
from controller.fleet import Fleet
from controller.metrics.metrics import Metrics
from wire import subjects
from wire.answers import is_inbox
from wire.bus import Link, Received
from wire.errors import BadRequestError, BrambleError
from wire.messages import Done, encode
from wire.service import error_headers

_log = logging.getLogger("bramble.pushes")


class PushDesk:
    """Hands pushed pictures to their cameras. Whoever used a request instead of a publish is told what became of it.

    Every controller hears every picture; the camera's owner takes it, and one of them answers for cameras that are not.
    """

    def __init__(
        self,
        fleet: Fleet,
        metrics: Metrics,
        link: Link,
        *,
        answers_for_others: Callable[[str], bool],
        note_refusal: NoteRefusal,
    ) -> None:
        self._note_refusal = note_refusal
        self._answers_for_others = answers_for_others
        self._fleet = fleet
        self._metrics = metrics
        self._link = link

    async def take(self, message: Received) -> None:
        """Handle one message."""
        fields = subjects.FRAMES.parse(message.subject)
        camera = fields["camera"] if fields else ""
        if self._fleet.get(camera) is None and not self._answers_for_others(camera):
            return
        if message.reply and not is_inbox(message.reply):
            self._metrics.note_refused_push()
            self._note_refusal(refuse_inbox(message.subject, message.reply))
            return
        try:
            frame = self._push(message)
        except BrambleError as error:
            self._metrics.note_refused_push()
            if fields is None:
                self._note_refusal(refuse_name(message.subject, "of a camera"))
            _log.warning(
                "picture refused", extra={"action": "push", "subject": message.subject, "error": error.message}
            )
            if message.reply:
                await self._link.publish(message.reply, error.to_json(), headers=error_headers(error))
        else:
            if message.reply:
                await self._link.publish(message.reply, encode(Done(text=f"frame {frame} taken")))

    def _push(self, message: Received) -> int:
        fields = subjects.FRAMES.parse(message.subject)
        running = self._fleet.get(fields["camera"]) if fields else None
        if running is None:
            raise BadRequestError(
                f"{message.subject[:80]!r} is no camera's",
                remedy="add it first: bramble camera add NAME push: --model M",
            )
        return running.camera.push(message.data, time.time()).seq
