"""What was seen of a run: every request, result, job and count, each with its time from the start in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.schedule import Fault
from wire.jobs import JobOutcome
from wire.messages import Counts


@dataclass(frozen=True, slots=True)
class Request:
    """One picture that somebody asked about; ``code`` is empty where a good answer came."""

    sent: float
    ended: float
    code: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """One result of a camera's frame; ``code`` is empty where it was inferred."""

    at: float
    camera: str
    model: str
    frame: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job's outcome as it was seen."""

    at: float
    outcome: JobOutcome


@dataclass(frozen=True, slots=True)
class Ledger:
    """A controller's counts as it told them; another one may hand them on a little later."""

    told: float  # Unix seconds, by the controller's own clock
    controller: str
    session: str
    counts: Counts


@dataclass(slots=True)
class Record:
    """A whole run."""

    seed: int
    seconds: float
    cameras: tuple[str, ...]
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    live: list[Live] = field(default_factory=list)
    submitted: set[str] = field(default_factory=set)  # names of jobs that the server has taken
    ended: list[Ended] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)  # names of jobs with an outcome in the end, as stored
    ledgers: list[Ledger] = field(default_factory=list)
    last: list[Ledger] = field(default_factory=list)  # when the cameras had been removed and all was quiet
    queued: int = 0  # jobs left in the queue in the end
    recovered_s: float | None = None  # from the end of the run until everything was well; None: never
    length: float = 0.0
