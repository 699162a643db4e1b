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
    took_s: float = 0.0  # from the capture


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


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault as it was really done: when it had begun, and when it was over."""

    fault: Fault
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame sent to a node, whether it was there or not."""

    at: float
    node: str


@dataclass(frozen=True, slots=True)
class Beat:
    """A node's heartbeat; ``serves`` tells whether it is ready for the model asked for."""

    at: float
    node: str
    session: str
    serves: bool


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the cluster said of a node or a controller."""

    at: float
    name: str
    liveness: str


@dataclass(frozen=True, slots=True)
class Election:
    """A new leader of a stream, or of one of its consumers, among several servers."""

    at: float
    stream: str
    leader: str
    consumer: str = ""


@dataclass(slots=True)
class Record:
    """A whole run."""

    seed: int
    seconds: float
    cameras: tuple[str, ...]
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    live: list[Live] = field(default_factory=list)
    submitted: dict[str, float] = field(default_factory=dict)  # jobs that the server has taken, by name: when
    ended: list[Ended] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)  # names of jobs with an outcome in the end, as stored
    ledgers: list[Ledger] = field(default_factory=list)
    last: list[Ledger] = field(default_factory=list)  # when the cameras had been removed and all was quiet
    queued: int = 0  # jobs left in the queue in the end
    recovered_s: float | None = None  # from the end of the run until everything was well; None: never
    length: float = 0.0
    strikes: list[Strike] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    elections: list[Election] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)  # of configuration, acknowledged: when, which
    tried: int = 0  # changes, acknowledged or not; they are numbered from 1
    kept: int | None = None  # the change that was in force in the end
    noted: int = 0  # changes on the audit record
