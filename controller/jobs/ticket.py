"""Which job a message of the queue is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wire import subjects
from wire.errors import BadRequestError
from wire.ids import DIRECT, check_token
from wire.jobs import FILE, MESSAGE_ID, read_file_name


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job's identity, the same at every delivery."""

    model: str
    batch: str
    job: str
    file: str = ""
    fault: str = ""  # what is wrong with the message itself

    @property
    def outcome(self) -> str:
        """The subject of its one outcome."""
        return subjects.OUTCOMES.build(batch=self.batch, job=self.job)

    @property
    def dead_letter(self) -> str:
        """The subject under which its picture is kept when it fails."""
        return subjects.DEAD_LETTERS.build(model=self.model, batch=self.batch, job=self.job)

    @property
    def queue(self) -> str:
        """The subject under which it goes back into the queue."""
        return subjects.BATCH_JOBS.build(model=self.model, batch=self.batch, job=self.job)


def read_ticket(subject: str, headers: Mapping[str, str], sequence: int, stored_at: float) -> Ticket:
    """Tell which job a message is.

    A job of a batch has its names in its subject. One that was published plainly has the id that its publisher gave, or
    else one made of the queue's sequence and the time it was stored at: the same at every delivery, and another after
    the stream was made anew. A message whose names cannot be used gets such an id too, and its fault is told.
    """
    file = read_file_name(headers.get(FILE, ""))
    made_up = f"{sequence}-{round(stored_at * 1e6):x}"
    if (found := subjects.BATCH_JOBS.parse(subject)) is not None:
        return Ticket(found["model"], found["batch"], found["job"], file)
    if (found := subjects.JOBS.parse(subject)) is not None:
        given = headers.get(MESSAGE_ID, "")
        try:
            return Ticket(found["model"], DIRECT, check_token(given, MESSAGE_ID) if given else made_up, file)
        except BadRequestError as error:
            return Ticket(found["model"], DIRECT, made_up, file, fault=f"{error.message}; {error.remedy}")
    model = subject.split(".")[1]  # the stream takes subjects of configured models only
    return Ticket(model, DIRECT, made_up, file, fault=f"{subject[:200]!r} does not name a batch and a job")
