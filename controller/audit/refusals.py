"""What a controller itself refuses, and no server does: as it is put on the record. Pure."""

from __future__ import annotations

from wire.audit import MAX_DETAIL, UNPROVED, Deed, Outcome

OTHER = "other"
KINDS = (
    "access.connect", "access.publish", "access.subscribe", "access.answer", "access.control", "access.name", OTHER,
)  # fmt: skip
"""What is counted by kind."""

MAX_TARGET = 200


def refuse_inbox(subject: str, reply: str) -> Deed:
    """A request whose answer its asker could not have heard: somebody had it delivered in another's name."""
    wanted = f"its answer was wanted elsewhere: {reply!r}" if reply else "no answer to it was wanted"
    return _refuse("access.control", subject, wanted)


def refuse_name(subject: str, what: str, *, who: str = UNPROVED) -> Deed:
    """A name in a subject or a request that is none: it could be read as more than one."""
    return _refuse("access.name", subject, f"no valid name: {what}", who=who)


def refuse_manifest(key: str, why: str) -> Deed:
    """A model that was written past the controller, and is not what its key says, or no model at all."""
    return _refuse("model.add", key, why)


def _refuse(action: str, target: str, detail: str, *, who: str = UNPROVED) -> Deed:
    return Deed(who=who, action=action, target=target[:MAX_TARGET], outcome=Outcome.REFUSED, detail=detail[:MAX_DETAIL])
