"""``control.<user>.audit.note``: what operators' tools did beside the controller, such as a deployment."""

from __future__ import annotations

import msgspec

from controller.audit.recorder import Recorder
from controller.desks.door import ControlDoor
from wire import subjects
from wire.audit import Deed, Note
from wire.bus import Received
from wire.errors import BadRequestError
from wire.messages import Done, decode
from wire.service import Reply


class AuditDesk:
    """Takes notes."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def register(self, door: ControlDoor) -> None:
        """Add the endpoint; the note is the record itself."""
        door.add_unrecorded("audit", "note", self._note)

    async def _note(self, message: Received) -> Reply:
        fields = subjects.CONTROL.parse(message.subject)
        if fields is None:
            raise BadRequestError(f"{message.subject[:80]!r} is no subject for notes")
        note = decode(message.data, Note)
        deed = Deed(who=fields["user"], action=note.action, target=note.target, digest=note.digest, detail=note.detail)
        await self._recorder.write(deed)
        return Reply(msgspec.json.encode(Done(text=f"{note.action} is on the record")))
