"""What a feed tells the dashboard. Times named ``*_mono`` are seconds of the dashboard's own monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wire.audit import Entry
from wire.jobs import JobOutcome, JobsReport
from wire.log_lines import Reading
from wire.messages import Event, Result
from wire.status import ClusterStatus


@dataclass(frozen=True, slots=True)
class Connecting:
    """An attempt to reach the broker has begun."""

    where: str  # redacted


@dataclass(frozen=True, slots=True)
class Lost:
    """The broker cannot be reached; the next attempt is at ``retry_mono``."""

    reason: str
    remedy: str
    retry_mono: float


@dataclass(frozen=True, slots=True)
class Silent:
    """The broker answers, the controller does not."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class StatusTaken:
    """The controller told how everything is."""

    status: ClusterStatus


@dataclass(frozen=True, slots=True)
class EventTaken:
    """Something happened to a node or a camera."""

    source: str
    event: Event


@dataclass(frozen=True, slots=True)
class ResultsTaken:
    """The newest of the results since the last update, oldest first; ``skipped`` came too fast to be shown."""

    results: tuple[Result, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class PictureTaken:
    """A camera's last answered picture, its findings drawn in."""

    camera: str
    jpeg: bytes  # unchecked
    frame: str  # the frame's id; empty where it was not told
    note: str = ""  # what a viewer must know of it, such as that it was drawn from the results alone


@dataclass(frozen=True, slots=True)
class PictureMissing:
    """A camera has no picture to show, in words."""

    camera: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobsTaken:
    """The batches of durable jobs, counted."""

    report: JobsReport


@dataclass(frozen=True, slots=True)
class FailuresTaken:
    """The first of a batch's jobs that failed, oldest first."""

    batch: str
    outcomes: tuple[JobOutcome, ...]


@dataclass(frozen=True, slots=True)
class EntriesTaken:
    """What was put on the record since the last update, oldest first."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class LogsTaken:
    """What programs logged since they were asked last."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something that a screen wants cannot be had now, and why; empty once it can."""

    what: Literal["jobs", "failures", "record", "logs"]
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Messages from outside that are not what their subject promises."""

    subject: str
    reason: str


Update = (
    Connecting
    | Lost
    | Silent
    | StatusTaken
    | EventTaken
    | ResultsTaken
    | PictureTaken
    | PictureMissing
    | JobsTaken
    | FailuresTaken
    | EntriesTaken
    | LogsTaken
    | Withheld
    | Refused
)


@dataclass(frozen=True, slots=True)
class Wants:
    """What the screens that are open need beyond the cluster's status; a flood nobody looks at is not subscribed to."""

    results: bool = False
    camera: str | None = None  # results of this camera only
    picture: str | None = None  # pictures of this camera
    jobs: bool = False  # the batches
    batch: str | None = None  # failures of this batch
    record: bool = False
    logs: str | None = None  # what this program logs, such as ``node/pi1``; empty: all of them
