"""What a witness tells the controllers: refusals of the server on its machine."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from wire.audit import Deed, Outcome
from wire.errors import BadRequestError
from wire.messages import Message

MOST = 16
"""So many refusals go into one report: writing them takes a controller some milliseconds each."""

KINDS = frozenset({"access.connect", "access.publish", "access.subscribe", "access.answer", "access.flood"})
"""What a server refuses; a witness has nothing to say about anything else."""


class Told(Message, frozen=True, omit_defaults=True):
    """A refusal, with the number that its witness gave it."""

    number: Annotated[int, Meta(ge=1)]
    deed: Deed


class Report(Message, frozen=True, omit_defaults=True):
    """Some refusals, oldest first. Sent once more until it is answered, so each has a name: run and number."""

    run: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]  # of the program; another each time that it starts
    told: Annotated[tuple[Told, ...], Meta(max_length=MOST)] = ()
    counts: dict[str, Annotated[int, Meta(ge=1)]] = field(default_factory=dict)  # by kind: all since the last report


def check_report(report: Report) -> Report:
    """Return it, if it tells of nothing that a witness could not have seen.

    Raises:
        BadRequestError: it speaks of other deeds, in another's name, or of kinds that are none.

    """
    for told in report.told:
        if told.deed.action not in KINDS or told.deed.outcome is not Outcome.REFUSED or told.deed.witness:
            raise BadRequestError(f"{told.deed.action!r} ({told.deed.outcome}) is not for a witness to tell")
    if unknown := report.counts.keys() - KINDS:
        raise BadRequestError(f"{min(unknown)[:80]!r} is no kind of refusal")
    return report
