"""The audit record: who did what, when, each entry tied to the one before it.

An entry carries the SHA-256 of the whole entry before it, as it was stored. Whoever changes, removes or inserts one
breaks the chain at that place; whoever cuts off the end has to be caught by a head that was written down elsewhere
(:class:`Head`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from wire.errors import BadRequestError
from wire.ids import Digest
from wire.messages import Message, decode

GENESIS = "0" * 64
"""What the first entry has in place of a digest."""

MAX_DETAIL = 500

UNPROVED = "unproved"
"""Who did something whose doer nobody has checked; no name that anybody claimed is blamed for it."""

Who = Annotated[str, Meta(min_length=1, max_length=100)]
Action = Annotated[str, Meta(pattern=r"\A[a-z]+(\.[a-z_]+)+\Z", max_length=64)]


class Outcome(StrEnum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"


class Deed(Message, frozen=True, omit_defaults=True):
    """Something that was done, or refused. Never holds a secret: URLs come redacted."""

    who: Who  # the user as the server knows it; an address where nobody was let in
    action: Action  # such as camera.add
    target: Annotated[str, Meta(max_length=200)] = ""
    outcome: Outcome = Outcome.DONE
    digest: Digest | None = None  # of what was put in place
    detail: Annotated[str, Meta(max_length=MAX_DETAIL)] = ""
    witness: Annotated[str, Meta(max_length=100)] = ""  # who told of it; empty: whoever wrote it down saw it
    seen_at: float = 0.0  # Unix seconds, by the clock of the machine where it was; 0: when it was written down

    @property
    def words(self) -> str:
        """What there is to say about it, for people; empty where that is nothing."""
        refused = "refused" if self.outcome is Outcome.REFUSED else ""
        told = f"told by {self.witness}" if self.witness else ""
        return ": ".join(filter(None, (refused, ", ".join(filter(None, (self.detail, told))))))


class Note(Message, frozen=True, omit_defaults=True):
    """What an operator's tool asks to have put on the record; who it was, the subject says."""

    action: Action
    target: Annotated[str, Meta(max_length=200)] = ""
    digest: Digest | None = None
    detail: Annotated[str, Meta(max_length=MAX_DETAIL)] = ""


class Entry(Message, frozen=True, omit_defaults=True):
    """A deed as it is kept."""

    at: float
    recorder: str  # the controller that wrote it
    deed: Deed
    previous: Digest

    @property
    def happened_at(self) -> float:
        """When it was, in Unix seconds: what a witness tells may be on the record later."""
        return self.deed.seen_at or self.at


@dataclass(frozen=True, slots=True)
class Head:
    """Where the record ends: write it down elsewhere, and a later end that lacks it has been cut."""

    sequence: int = 0
    digest: str = GENESIS

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read what :meth:`__str__` wrote.

        Raises:
            BadRequestError: it is something else.

        """
        sequence, colon, digest = text.partition(":")
        try:
            number = msgspec.convert(sequence, Annotated[int, Meta(ge=0)], strict=False)
            return cls(number, msgspec.convert(digest if colon else "", Digest))
        except msgspec.ValidationError as error:
            raise BadRequestError(f"{text[:80]!r} is no head of a record", remedy="give SEQUENCE:SHA256") from error


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the record is not what was written."""

    sequence: int
    problem: str


def digest_entry(stored: bytes) -> str:
    """Return the SHA-256 by which the next entry names this one."""
    return hashlib.sha256(stored).hexdigest()


@dataclass(slots=True)
class Check:
    """Holds entries against each other, in order; ``expected`` is a head that was written down."""

    expected: Head | None = None
    head: Head = field(default_factory=Head)
    breaks: list[Break] = field(default_factory=list)
    _met: bool = False

    def take(self, sequence: int, stored: bytes) -> Entry | None:
        """Take the next entry as it is stored; None where it cannot be read."""
        if sequence != self.head.sequence + 1:
            missing = f"{self.head.sequence + 1} to {sequence - 1}"
            self.breaks.append(Break(sequence, f"the entries {missing} are missing"))
        entry = None
        try:
            entry = decode(stored, Entry)
        except BadRequestError as error:
            self.breaks.append(Break(sequence, f"cannot be read: {error.message}"))
        else:
            if sequence == self.head.sequence + 1 and entry.previous != self.head.digest:
                self.breaks.append(Break(sequence, "the entry before it is not the one it was written after"))
        self.head = Head(sequence, digest_entry(stored))
        if self.head == self.expected:
            self._met = True
        return entry

    def finish(self) -> list[Break]:
        """Return all breaks, once every entry has been taken."""
        if self.expected and self.expected.sequence and not self._met:
            if self.head.sequence < self.expected.sequence:
                problem = f"the record ends at {self.head.sequence}: its end was cut off"
            else:
                problem = "the entry is not the one that was written down"
            self.breaks.append(Break(self.expected.sequence, problem))
        return self.breaks


def check_record(stored: Iterable[tuple[int, bytes]], expected: Head | None = None) -> tuple[Head, list[Break]]:
    """Hold a whole record, as sequences and bytes, against itself and against a head that was written down."""
    check = Check(expected)
    for sequence, data in stored:
        check.take(sequence, data)
    return check.head, check.finish()
